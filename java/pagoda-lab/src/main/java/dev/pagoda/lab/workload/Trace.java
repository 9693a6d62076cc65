package dev.pagoda.lab.workload;

import java.util.Arrays;
import java.util.Objects;
import java.util.Random;

/**
 * Requests in order of arrival, in columns, so that millions of them take little room. Immutable:
 * the arrays are shared, and not to be changed.
 */
public final class Trace {
  private final String name;
  private final double[] arrivalSeconds;
  private final int[] promptTokens;
  private final int[] outputTokens;
  private final PromptContent content;

  /**
   * A trace of columns of one length.
   *
   * @param name for tables
   * @param arrivalSeconds when each arrives, ascending
   * @param promptTokens tokens of each prompt, at least 1
   * @param outputTokens tokens of each output, at least 1
   * @param content what prompts have in common
   */
  public Trace(
      String name,
      double[] arrivalSeconds,
      int[] promptTokens,
      int[] outputTokens,
      PromptContent content) {
    if (arrivalSeconds.length == 0
        || arrivalSeconds.length != promptTokens.length
        || arrivalSeconds.length != outputTokens.length) {
      throw new IllegalArgumentException(
          "a trace has at least one request, and columns of one length: arrivals="
              + arrivalSeconds.length
              + ", prompts="
              + promptTokens.length
              + ", outputs="
              + outputTokens.length);
    }
    this.name = name;
    this.arrivalSeconds = arrivalSeconds;
    this.promptTokens = promptTokens;
    this.outputTokens = outputTokens;
    this.content = content;
  }

  /**
   * The name.
   *
   * @return a few words, for tables
   */
  public String name() {
    return name;
  }

  /**
   * When each request arrives.
   *
   * @return seconds, ascending; not a copy
   */
  public double[] arrivalSeconds() {
    return arrivalSeconds;
  }

  /**
   * Tokens of each prompt.
   *
   * @return at least 1 each; not a copy
   */
  public int[] promptTokens() {
    return promptTokens;
  }

  /**
   * Tokens of each output.
   *
   * @return at least 1 each; not a copy
   */
  public int[] outputTokens() {
    return outputTokens;
  }

  /**
   * What prompts have in common.
   *
   * @return their tokens, as far as they are known
   */
  public PromptContent content() {
    return content;
  }

  /**
   * Draws requests that arrive at random, independently of each other (a Poisson process).
   *
   * @param workload lengths
   * @param count how many, at least 1
   * @param requestsPerSecond mean rate; infinity lets all of them wait from the start
   * @param seed same seed, same trace; the lengths do not depend on the rate
   * @return the trace
   */
  public static Trace poisson(Workload workload, int count, double requestsPerSecond, long seed) {
    int[] prompts = new int[count];
    int[] outputs = new int[count];
    Random lengths = new Random(seed);
    for (int i = 0; i < count; i++) {
      Request request = workload.draw(lengths);
      prompts[i] = request.promptTokens();
      outputs[i] = request.outputTokens();
    }
    return new Trace(
            workload.name(), new double[count], prompts, outputs, new PromptContent.Unknown())
        .atRate(requestsPerSecond, seed);
  }

  /**
   * The same requests in the same order, arriving at random at another rate.
   *
   * @param requestsPerSecond mean rate, above 0; infinity lets all of them wait from the start
   * @param seed of the arrivals
   * @return the trace
   */
  public Trace atRate(double requestsPerSecond, long seed) {
    if (!(requestsPerSecond > 0)) {
      throw new IllegalArgumentException(
          "requests arrive at a rate above 0: requestsPerSecond=" + requestsPerSecond);
    }
    Random random = new Random(~seed);
    double[] arrivals = new double[size()];
    double clock = 0;
    for (int i = 0; i < arrivals.length; i++) {
      clock += -Math.log(1 - random.nextDouble()) / requestsPerSecond;
      arrivals[i] = clock;
    }
    return new Trace(name, arrivals, promptTokens, outputTokens, content);
  }

  /**
   * The same requests, arriving faster or slower in proportion.
   *
   * @param speed 2 lets everything happen in half the time
   * @return the trace
   */
  public Trace faster(double speed) {
    if (!(speed > 0) || Double.isInfinite(speed)) {
      throw new IllegalArgumentException("a trace is played at a speed above 0: speed=" + speed);
    }
    double[] arrivals = Arrays.stream(arrivalSeconds).map(seconds -> seconds / speed).toArray();
    return new Trace(name, arrivals, promptTokens, outputTokens, content);
  }

  /**
   * The first requests alone.
   *
   * @param count how many, from 1; more than there are is all
   * @return a trace that begins with the same requests
   */
  public Trace first(int count) {
    if (count >= size()) {
      return this;
    }
    return new Trace(
        name,
        Arrays.copyOf(arrivalSeconds, count),
        Arrays.copyOf(promptTokens, count),
        Arrays.copyOf(outputTokens, count),
        content);
  }

  /**
   * How many of the first requests have no more than a number of prompt tokens together.
   *
   * @param tokens prompt tokens
   * @return at least 1
   */
  public int numWithin(long tokens) {
    long sum = 0;
    for (int i = 0; i < size(); i++) {
      sum += promptTokens[i];
      if (sum > tokens) {
        return Math.max(1, i);
      }
    }
    return size();
  }

  /**
   * Number of requests.
   *
   * @return at least 1
   */
  public int size() {
    return promptTokens.length;
  }

  /**
   * Length of a request at its end.
   *
   * @param index which request
   * @return prompt and output together
   */
  public int totalTokens(int index) {
    return promptTokens[index] + outputTokens[index];
  }

  /**
   * Mean rate from the first to the last arrival.
   *
   * @return requests per second; infinity if all arrive at once
   */
  public double requestsPerSecond() {
    double seconds = arrivalSeconds[size() - 1] - arrivalSeconds[0];
    return seconds > 0 ? (size() - 1) / seconds : Double.POSITIVE_INFINITY;
  }

  /**
   * Mean length of prompts.
   *
   * @return tokens
   */
  public double meanPromptTokens() {
    return Arrays.stream(promptTokens).average().orElseThrow();
  }

  /**
   * Mean length of outputs.
   *
   * @return tokens
   */
  public double meanOutputTokens() {
    return Arrays.stream(outputTokens).average().orElseThrow();
  }

  /**
   * The longest request.
   *
   * @return tokens, prompt and output together
   */
  public int totalTokensMax() {
    int max = 0;
    for (int i = 0; i < size(); i++) {
      max = Math.max(max, totalTokens(i));
    }
    return max;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Trace trace
        && name.equals(trace.name)
        && Arrays.equals(arrivalSeconds, trace.arrivalSeconds)
        && Arrays.equals(promptTokens, trace.promptTokens)
        && Arrays.equals(outputTokens, trace.outputTokens)
        && content.equals(trace.content);
  }

  @Override
  public int hashCode() {
    return Objects.hash(name, Arrays.hashCode(promptTokens), Arrays.hashCode(outputTokens));
  }

  @Override
  public String toString() {
    return "Trace[name=" + name + ", size=" + size() + "]";
  }
}
