package dev.pagoda.block;

/**
 * The right to one reference of a block, as a number: which pool, which block, which life of it.
 *
 * <pre>
 *   bit 63        52 51              31 30               0
 *       pool tag     generation          block id
 * </pre>
 *
 * <p>A block's generation grows each time it is freed, so that a handle kept too long is recognised
 * instead of reaching the block's next owner. It has 21 bits: a handle is taken for a later life of
 * its block only if kept over an exact multiple of 2,097,152 reuses of that block.
 *
 * <p>A {@code long} rather than an object, because a step that takes blocks allocates nothing.
 */
public final class BlockHandle {
  /** Never a handle. */
  public static final long NONE = -1L;

  static final int POOL_TAGS = 1 << 12;

  private static final int ID_BITS = 31;
  private static final int GENERATION_BITS = 21;
  private static final int ID_MASK = Integer.MAX_VALUE;
  private static final int GENERATION_MASK = (1 << GENERATION_BITS) - 1;

  private BlockHandle() {}

  static long of(int poolTag, int generation, int blockId) {
    return ((long) poolTag << (ID_BITS + GENERATION_BITS))
        | ((long) (generation & GENERATION_MASK) << ID_BITS)
        | blockId;
  }

  /**
   * The block's number in its pool.
   *
   * @param handle a handle from a pool
   * @return block id
   */
  public static int blockId(long handle) {
    return (int) handle & ID_MASK;
  }

  static int poolTag(long handle) {
    return (int) (handle >>> (ID_BITS + GENERATION_BITS));
  }

  static boolean hasGeneration(long handle, int generation) {
    return ((int) (handle >>> ID_BITS) & GENERATION_MASK) == (generation & GENERATION_MASK);
  }

  /**
   * For messages.
   *
   * @param handle a handle
   * @return its parts
   */
  public static String toString(long handle) {
    return "pool="
        + poolTag(handle)
        + ", generation="
        + ((int) (handle >>> ID_BITS) & GENERATION_MASK)
        + ", blockId="
        + blockId(handle);
  }
}
