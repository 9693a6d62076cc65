package dev.pagoda.tier;

import java.util.List;

/**
 * What moving blocks costs: {@code bytes / bytesPerSecond + numTransfers * nanosPerTransfer}. The
 * second term is what makes small blocks dear.
 *
 * @param bytesPerSecond rate, finite and above 0
 * @param nanosPerTransfer fixed cost of a contiguous piece, which is a block; finite, at least 0
 */
public record TransferModel(double bytesPerSecond, double nanosPerTransfer) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public TransferModel {
    CostFit.requireRate("bytesPerSecond", bytesPerSecond);
    CostFit.requireCost("nanosPerTransfer", nanosPerTransfer);
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
   * The time a move takes.
   *
   * @param bytes bytes to move
   * @param numTransfers contiguous pieces they are in
   * @return nanoseconds
   */
  public double nanos(long bytes, long numTransfers) {
    return 1e9 * bytes / bytesPerSecond + numTransfers * nanosPerTransfer;
  }
}
