package dev.pagoda.tier;

/** Counts what is moved one way, without a byte of the heap. Guarded by its owner. */
final class TransferCount {
  private long numCalls;
  private long numTransfers;
  private long bytes;
  private long nanos;

  void add(long moreTransfers, long moreBytes, long moreNanos) {
    numCalls++;
    numTransfers += moreTransfers;
    bytes += moreBytes;
    nanos += moreNanos;
  }

  TransferTotals totals() {
    return new TransferTotals(numCalls, numTransfers, bytes, nanos);
  }
}
