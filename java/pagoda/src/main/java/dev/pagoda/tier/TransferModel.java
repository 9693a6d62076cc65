package dev.pagoda.tier;

import java.util.List;

/**
 * What moving blocks costs: {@code bytes / bytesPerSecond + numTransfers * nanosPerTransfer +
 * nanosPerCall}. The second term is what makes small blocks dear, the third one small groups.
 *
 * @param bytesPerSecond rate, finite and above 0
 * @param nanosPerTransfer fixed cost of a contiguous piece, which is a block; finite, at least 0
 * @param nanosPerCall fixed cost of moving a group, however small; finite, at least 0
 */
public record TransferModel(double bytesPerSecond, double nanosPerTransfer, double nanosPerCall) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public TransferModel {
    CostFit.requireRate("bytesPerSecond", bytesPerSecond);
    CostFit.requireCost("nanosPerTransfer", nanosPerTransfer);
    CostFit.requireCost("nanosPerCall", nanosPerCall);
  }

  /**
   * A model without a cost per call.
   *
   * @param bytesPerSecond rate, finite and above 0
   * @param nanosPerTransfer fixed cost of a contiguous piece; finite, at least 0
   */
  public TransferModel(double bytesPerSecond, double nanosPerTransfer) {
    this(bytesPerSecond, nanosPerTransfer, 0);
  }

  /**
   * The model that fits measurements best: least squares of the relative errors, so that short
   * moves count as much as long ones. A cost per transfer below 0, which only noise gives, becomes
   * 0.
   *
   * @param samples at least two, that differ in bytes per transfer
   * @return the model
   * @throws IllegalArgumentException if the samples do not determine it, saying why
   */
  public static TransferModel fit(List<TransferSample> samples) {
    CostFit fit = new CostFit("bytes", "numTransfers");
    for (TransferSample sample : samples) {
      fit.add(sample.nanos(), sample.bytes(), sample.numTransfers());
    }
    double[] nanos = fit.solve();
    return new TransferModel(1e9 / nanos[0], nanos[1]);
  }

  /**
   * The model that fits measurements of one block size best: what a block costs goes into the rate,
   * and the rest is the cost of a call. As {@link #fit} does otherwise.
   *
   * @param samples at least two, each one call, that differ in bytes
   * @return the model
   * @throws IllegalArgumentException if the samples do not determine it, saying why
   */
  public static TransferModel fitOneBlockSize(List<TransferSample> samples) {
    CostFit fit = new CostFit("bytes", "calls");
    for (TransferSample sample : samples) {
      fit.add(sample.nanos(), sample.bytes(), 1);
    }
    double[] nanos = fit.solve();
    return new TransferModel(1e9 / nanos[0], 0, nanos[1]);
  }

  /**
   * The time a move takes.
   *
   * @param bytes bytes to move
   * @param numTransfers contiguous pieces they are in
   * @return nanoseconds
   */
  public double nanos(long bytes, long numTransfers) {
    return 1e9 * bytes / bytesPerSecond + numTransfers * nanosPerTransfer + nanosPerCall;
  }
}
