package dev.pagoda.tier.file;

/**
 * Passes over some offers after writes that failed: twice as many as after the failure before, so
 * that a disk that is full or broken costs little. Not thread-safe.
 */
final class WriteBackoff {
  private static final int SKIPPED_OFFERS_MAX = 1 << 10;

  private int failuresInARow;
  private int offersToSkip;

  /** Whether an offer that comes now is passed over. */
  boolean skips() {
    if (offersToSkip == 0) {
      return false;
    }
    offersToSkip--;
    return true;
  }

  void succeeded() {
    failuresInARow = 0;
  }

  void failed() {
    offersToSkip = Math.min(SKIPPED_OFFERS_MAX, (1 << Math.min(failuresInARow, 20)) - 1);
    failuresInARow++;
  }
}
