package dev.pagoda.block;

/**
 * The pool has too few free blocks for a request. Nothing has changed: a scheduler can free some
 * and ask again.
 */
public final class OutOfBlocksException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Blocks the request needed. */
  private final int needed;

  /** Blocks that were free and not reserved by others. */
  private final int free;

  /** Blocks in the pool. */
  private final int total;

  /**
   * Says what was needed and what there was.
   *
   * @param needed blocks the request needed
   * @param free blocks that were free and not reserved by others
   * @param total blocks in the pool
   */
  public OutOfBlocksException(int needed, int free, int total) {
    super(
        "the pool has too few free blocks: needed="
            + needed
            + ", free="
            + free
            + ", total="
            + total);
    this.needed = needed;
    this.free = free;
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
   * Blocks in the pool.
   *
   * @return number of blocks
   */
  public int total() {
    return total;
  }
}
