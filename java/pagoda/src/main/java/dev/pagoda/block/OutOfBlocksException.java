package dev.pagoda.block;

/**
 * The pool has too few free blocks for a request, idle cached ones that may be given up included.
 * Nothing has changed: a scheduler can free some and ask again.
 */
public final class OutOfBlocksException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Blocks the request needed. */
  private final int needed;

  /** Blocks that were free and not reserved by others. */
  private final int free;

  /** Idle blocks that could have been given up. */
  private final int reclaimable;

  /** Blocks in the pool. */
  private final int total;

  /**
   * Says what was needed and what there was.
   *
   * @param needed blocks the request needed
   * @param free blocks that were free and not reserved by others
   * @param reclaimable idle blocks that could have been given up
   * @param total blocks in the pool
   */
  public OutOfBlocksException(int needed, int free, int reclaimable, int total) {
    super(
        "the pool has too few free blocks: needed="
            + needed
            + ", free="
            + free
            + ", reclaimable="
            + reclaimable
            + ", total="
            + total);
    this.needed = needed;
    this.free = free;
    this.reclaimable = reclaimable;
    this.total = total;
  }

  /**
   * Blocks the request needed.
   *
   * @return number of blocks
   */
  public int needed() {
    return needed;
  }

  /**
   * Blocks that were free and not reserved by others.
   *
   * @return number of blocks, less than {@link #needed}
   */
  public int free() {
    return free;
  }

  /**
   * Idle cached blocks that could have been given up.
   *
   * @return number of blocks; with {@link #free} less than {@link #needed}
   */
  public int reclaimable() {
    return reclaimable;
  }

  /**
   * Blocks in the pool.
   *
   * @return number of blocks
   */
  public int total() {
    return total;
  }
}
