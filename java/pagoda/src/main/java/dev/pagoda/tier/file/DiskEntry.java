package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import org.jspecify.annotations.Nullable;

/**
 * A block's file in the books of a disk tier. Says from the beginning what it takes to remove the
 * file and its part, so that neither is forgotten for want of memory.
 */
final class DiskEntry {
  /** Of a file that was there when the tier started. */
  static final long NO_PART = -1;

  /** What becomes of the file. */
  enum State {
    /** It is whole, and answers. */
    PRESENT,
    /** Somebody writes or removes it. */
    BUSY,
    /** It, or its part, could not be removed. */
    STRANDED
  }

  private final BlockKey key;
  private final long partNumber;

  State state = State.BUSY;
  @Nullable DiskEntry older; // in a row
  @Nullable DiskEntry newer;

  DiskEntry(BlockKey key, long partNumber) {
    this.key = key;
    this.partNumber = partNumber;
  }

  BlockKey key() {
    return key;
  }

  /** What tells its part from those of other writes. */
  long partNumber() {
    return partNumber;
  }

  @Override
  public String toString() {
    return "DiskEntry[key=" + key + ", state=" + state + "]";
  }
}
