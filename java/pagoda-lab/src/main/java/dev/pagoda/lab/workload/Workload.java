package dev.pagoda.lab.workload;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A kind of traffic.
 *
 * @param name for tables
 * @param prompts lengths of prompts
 * @param outputs lengths of outputs
 * @param totalTokensMax requests longer than this are drawn again
 */
public record Workload(
    String name, LengthDistribution prompts, LengthDistribution outputs, int totalTokensMax) {
  /**
   * Longest request of the published traces, and what a server reserves that cannot know better.
   */
  public static final int PUBLISHED_TOKENS_MAX = 2048;

  /** Short and regular: bell-shaped, 100 tokens in the mean. */
  public static final Workload NOTEBOOK =
      new Workload(
          "notebook",
          new LengthDistribution.Normal(50, 20, 5, 150),
          new LengthDistribution.Normal(50, 20, 5, 150),
          300);

  /**
   * Conversations. Means are those that Kwon et al. (SOSP 2023) publish for ShareGPT; deviations
   * are fitted to their figure 2.
   */
  public static final Workload SHARE_GPT =
      new Workload(
          "ShareGPT",
          new LengthDistribution.Gamma(161.31, 180, 1024),
          new LengthDistribution.Gamma(337.99, 300, 1800),
          PUBLISHED_TOKENS_MAX);

  /**
   * Short instructions. Published means for Alpaca; spread in proportion to {@link #SHARE_GPT}'s.
   */
  public static final Workload ALPACA =
      new Workload(
          "Alpaca",
          new LengthDistribution.Gamma(19.31, 21.5, 1024),
          new LengthDistribution.Gamma(58.45, 52, 1800),
          PUBLISHED_TOKENS_MAX);

  /**
   * Requests that are all alike.
   *
   * @param promptTokens tokens of each prompt
   * @param outputTokens tokens of each output
   * @return the workload
   */
  public static Workload fixed(int promptTokens, int outputTokens) {
    return new Workload(
        "fixed",
        new LengthDistribution.Fixed(promptTokens),
        new LengthDistribution.Fixed(outputTokens),
        promptTokens + outputTokens);
  }

  /**
   * Draws requests.
   *
   * @param count how many
   * @param seed same seed, same requests; a longer list begins with the shorter one
   * @return requests in order of arrival
   */
  public List<Request> requests(int count, long seed) {
    Random random = new Random(seed);
    List<Request> requests = new ArrayList<>(count);
    while (requests.size() < count) {
      requests.add(draw(random));
    }
    return requests;
  }

  /**
   * Draws one request.
   *
   * @param random source of randomness, advanced
   * @return a request no longer than allowed
   */
  public Request draw(Random random) {
    while (true) {
      Request request = new Request(prompts.draw(random), outputs.draw(random));
      if (request.totalTokens() <= totalTokensMax) {
        return request;
      }
    }
  }
}
