package dev.pagoda.tier;

/**
 * What was moved one way, and the time it took. A transfer is one contiguous piece, which is a
 * block: all layers of its keys and values lie together.
 *
 * @param numCalls batch calls: groups moved
 * @param numTransfers blocks moved
 * @param bytes bytes moved
 * @param nanos time spent moving them
 */
public record TransferTotals(long numCalls, long numTransfers, long bytes, long nanos) {
  /** Nothing moved. */
  static final TransferTotals NONE = new TransferTotals(0, 0, 0, 0);

  /**
   * Both together.
   *
   * @param other more moves
   * @return the sums
   */
  public TransferTotals plus(TransferTotals other) {
    return new TransferTotals(
        numCalls + other.numCalls,
        numTransfers + other.numTransfers,
        bytes + other.bytes,
        nanos + other.nanos);
  }

  /**
   * The rate measured, each byte counted once.
   *
   * @return bytes per second; 0 if nothing moved
   */
  public double bytesPerSecond() {
    return nanos == 0 ? 0 : 1e9 * bytes / nanos;
  }
}
