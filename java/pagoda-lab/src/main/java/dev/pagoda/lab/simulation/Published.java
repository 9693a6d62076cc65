package dev.pagoda.lab.simulation;

import dev.pagoda.lab.workload.LengthDistribution;
import dev.pagoda.lab.workload.Workload;
import java.util.List;

/**
 * The figures of Kwon et al., "Efficient Memory Management for Large Language Model Serving with
 * PagedAttention", SOSP 2023 (arXiv 2309.06180), and the traffic behind them.
 */
final class Published {
  /** Largest difference that still counts as the same, in points. */
  static final double TOLERANCE_POINTS = 4;

  /** Likelihood that a beam is replaced in a step, fitted to the cell of width 2 of figure 15. */
  static final double BEAM_REPLACEMENT_ALPACA = 0.1;

  /** As {@link #BEAM_REPLACEMENT_ALPACA}; the lower end of the range published for ShareGPT. */
  static final double BEAM_REPLACEMENT_SHARE_GPT = 0.02;

  static final Workload SHARE_GPT = Workload.SHARE_GPT;

  /**
   * {@link Workload#ALPACA} with the spread of outputs fitted to the requests that the oracle
   * baseline batches in figure 13.
   */
  static final Workload ALPACA =
      new Workload(
          "Alpaca",
          Workload.ALPACA.prompts(),
          new LengthDistribution.Gamma(58.45, 60, 1800),
          Workload.ALPACA.totalTokensMax());

  private Published() {}

  /**
   * Figure 2: share of the memory for keys and values, in percent.
   *
   * @param policy whose memory
   * @param live holds a token
   * @param reserved for tokens to come
   * @param internal for tokens that never come
   * @param external nobody's, or lost to the allocator
   */
  record MemoryShares(
      MemoryPolicy policy, double live, double reserved, double internal, double external) {}

  /** Of the paged system only the live share is published; the rest is 3.7 in all. */
  static final List<MemoryShares> FIGURE_2 =
      List.of(
          new MemoryShares(MemoryPolicy.MAXIMUM, 20.4, 13.3, 57.3, 8.9),
          new MemoryShares(MemoryPolicy.POWER_OF_TWO, 26.8, 17.9, 13.6, 41.6),
          new MemoryShares(MemoryPolicy.ORACLE, 38.2, 25.2, 0, 36.6),
          new MemoryShares(MemoryPolicy.PAGED, 96.3, 0, Double.NaN, Double.NaN));

  /**
   * Figure 13: requests batched, on average.
   *
   * @param policy how memory is given
   * @param shareGpt under ShareGPT at 2 requests per second
   * @param alpaca under Alpaca at 30 requests per second
   */
  record Batched(MemoryPolicy policy, double shareGpt, double alpaca) {}

  static final double SHARE_GPT_RATE = 2;
  static final double ALPACA_RATE = 30;
  static final double TRACE_SECONDS = 3600;

  static final List<Batched> FIGURE_13 =
      List.of(
          new Batched(MemoryPolicy.MAXIMUM, 7.00, 7.00),
          new Batched(MemoryPolicy.POWER_OF_TWO, 9.81, 43.24),
          new Batched(MemoryPolicy.ORACLE, 13.62, 72.75),
          new Batched(MemoryPolicy.PAGED, 30.42, 132.44));

  /**
   * Figure 15: blocks saved by sharing, in percent.
   *
   * @param workload whose lengths
   * @param beams beam search, or parallel sampling
   * @param width outputs per prompt
   * @param saved percent of the blocks; NaN where only a range over the widths is published
   */
  record Saved(Workload workload, boolean beams, int width, double saved) {}

  static final List<Saved> FIGURE_15 =
      List.of(
          new Saved(ALPACA, false, 2, 6.09),
          new Saved(ALPACA, false, 4, 8.53),
          new Saved(ALPACA, false, 6, 9.79),
          new Saved(ALPACA, true, 2, 37.56),
          new Saved(ALPACA, true, 4, 53.13),
          new Saved(ALPACA, true, 6, 55.16),
          new Saved(SHARE_GPT, false, 2, 16.2),
          new Saved(SHARE_GPT, false, 4, Double.NaN),
          new Saved(SHARE_GPT, false, 6, 30.5),
          new Saved(SHARE_GPT, true, 2, 44.3),
          new Saved(SHARE_GPT, true, 4, Double.NaN),
          new Saved(SHARE_GPT, true, 6, 66.3));

  /**
   * Figure 12: the rate at which latency rises steeply, OPT-13B under ShareGPT, read by eye.
   *
   * @param policy how memory is given
   * @param requestsPerSecond where the curve bends
   */
  record Knee(MemoryPolicy policy, double requestsPerSecond) {}

  static final List<Knee> FIGURE_12 =
      List.of(
          new Knee(MemoryPolicy.MAXIMUM, 0.5),
          new Knee(MemoryPolicy.POWER_OF_TWO, 0.75),
          new Knee(MemoryPolicy.ORACLE, 1.1),
          new Knee(MemoryPolicy.PAGED, 1.9));
}
