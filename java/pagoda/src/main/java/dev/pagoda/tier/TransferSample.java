package dev.pagoda.tier;

/**
 * One measurement of moving blocks.
 *
 * @param bytes bytes moved, at least 1
 * @param numTransfers contiguous pieces, blocks that is, at least 1
 * @param nanos time it took, at least 1
 */
public record TransferSample(long bytes, long numTransfers, long nanos) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is not positive
   */
  public TransferSample {
    CostFit.requirePositive("bytes", bytes);
    CostFit.requirePositive("numTransfers", numTransfers);
    CostFit.requirePositive("nanos", nanos);
  }
}
