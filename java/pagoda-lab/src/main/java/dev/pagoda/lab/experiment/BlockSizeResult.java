package dev.pagoda.lab.experiment;

import java.util.List;
import java.util.function.Function;

/**
 * What each block size wastes, and how fast it is.
 *
 * @param sizes one entry per block size, ascending
 */
record BlockSizeResult(List<Size> sizes) {
  /** What a slower block size may cost before a smaller waste is no excuse for it. */
  static final double SPEED_TOLERANCE = 0.05;

  /** Copies the list. */
  BlockSizeResult {
    sizes = List.copyOf(sizes);
  }

  /**
   * One block size.
   *
   * @param blockSize tokens per block
   * @param wasted share of the slots in use that hold no token, per workload in the order of {@link
   *     BlockSizeExperiment#WORKLOADS}
   * @param decode a decode step
   * @param decodeTokens tokens of such a step
   * @param prefill a prefill
   * @param prefillTokens tokens of the prompt
   * @param copyNanos cost of one copy-on-write, or 0 where blocks are never partly filled
   */
  record Size(
      int blockSize,
      List<Double> wasted,
      Timing decode,
      int decodeTokens,
      Timing prefill,
      int prefillTokens,
      double copyNanos) {
    /** Copies the list. */
    Size {
      wasted = List.copyOf(wasted);
    }

    double decodePerCpuSecond() {
      return decode.perCpuSecond(decodeTokens);
    }

    double prefillPerCpuSecond() {
      return prefill.perCpuSecond(prefillTokens);
    }
  }

  /** Decode speed relative to the fastest block size, by CPU time. */
  double decodeSpeed(Size size) {
    return relativeSpeed(size, Size::decode);
  }

  /** Prefill speed relative to the fastest block size, by CPU time. */
  double prefillSpeed(Size size) {
    return relativeSpeed(size, Size::prefill);
  }

  private double relativeSpeed(Size size, Function<Size, Timing> timing) {
    double fastest =
        sizes.stream().mapToDouble(each -> timing.apply(each).cpuNanos()).min().orElseThrow();
    return fastest / timing.apply(size).cpuNanos();
  }

  /** Speed of what the block size is slower at, decode or prefill. */
  double slowerSide(Size size) {
    return Math.min(decodeSpeed(size), prefillSpeed(size));
  }

  /** What the slower side must reach: 5 % less than the best block size's does. */
  double fastEnough() {
    double best = sizes.stream().mapToDouble(this::slowerSide).max().orElseThrow();
    return (1 - SPEED_TOLERANCE) * best;
  }

  boolean isFastEnough(Size size) {
    return slowerSide(size) >= fastEnough();
  }

  /** The rule: of the block sizes that are fast enough, the one that wastes least: the smallest. */
  Size recommended() {
    return sizes.stream().filter(this::isFastEnough).findFirst().orElseThrow();
  }

  Size of(int blockSize) {
    return sizes.stream()
        .filter(size -> size.blockSize() == blockSize)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("not measured: blockSize=" + blockSize));
  }
}
