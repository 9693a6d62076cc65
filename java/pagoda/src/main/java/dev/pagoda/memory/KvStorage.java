package dev.pagoda.memory;

import dev.pagoda.layout.KvLayout;
import java.util.Optional;

/**
 * The bytes of all blocks of a pool, in host or device memory.
 *
 * <p>Knows blocks by number alone. Whoever opens a storage closes it, once; using it afterwards is
 * an {@link IllegalStateException}. Threads: calls on different blocks may run at the same time;
 * ordering calls on the same block is the caller's business.
 *
 * <p>Copies happen in the order in which they were asked for, possibly after the call that did so
 * has returned or thrown: host memory that one reads or writes is touched by others, and a block
 * becomes another's, when a {@link #fence} behind it has passed.
 */
public interface KvStorage extends AutoCloseable {
  /**
   * How a block is laid out.
   *
   * @return the layout
   */
  KvLayout layout();

  /**
   * Capacity.
   *
   * @return number of blocks
   */
  int numBlocks();

  /**
   * Whether there is memory behind the blocks. Blocks that are only counted can be copied, which
   * does nothing, but neither read nor written.
   *
   * @return false only for {@link HostStorage#counted}
   */
  default boolean hasMemory() {
    return true;
  }

  /**
   * Copies whole blocks inside this storage, every layer. Targets must be distinct, and none of
   * them a source: the copies run in no particular order.
   *
   * @param sources block ids to read, at least {@code count} of them
   * @param targets block ids to overwrite, at least {@code count} of them
   * @param count number of copies
   * @throws IllegalArgumentException if an id is not in {@code [0, numBlocks)}; nothing is copied
   */
  void copyBlocks(int[] sources, int[] targets, int count);

  /**
   * Copies whole blocks from here into a host storage of the same layout, bit for bit.
   *
   * @param sources block ids here
   * @param target where to
   * @param targets block ids there
   * @param count number of copies
   * @throws IllegalArgumentException if the layouts differ or an id is out of range; nothing is
   *     copied
   */
  void copyOut(int[] sources, HostStorage target, int[] targets, int count);

  /**
   * Copies whole blocks from a host storage of the same layout into this one, bit for bit.
   *
   * @param source where from
   * @param sources block ids there
   * @param targets block ids here
   * @param count number of copies
   * @throws IllegalArgumentException if the layouts differ or an id is out of range; nothing is
   *     copied
   */
  void copyIn(HostStorage source, int[] sources, int[] targets, int count);

  /**
   * A point behind all copies that were asked for so far. Never throws: on a device that broke
   * nothing moves any more.
   *
   * @return {@link Fence#PASSED} if they have happened
   */
  default Fence fence() {
    return Fence.PASSED;
  }

  /**
   * Fills a block with bytes that read as NaN in every {@link dev.pagoda.layout.DType}, so that a
   * use of what is not there shows.
   *
   * @param blockId the block to spoil
   */
  void poison(int blockId);

  /**
   * Opens host memory that blocks move to and from as fast as they can: page-locked where that
   * matters.
   *
   * @param numBlocks capacity, at least 1
   * @return a storage of the same layout, owned by the caller; closed before this one
   * @throws IllegalArgumentException if that much memory cannot be had, with the numbers
   */
  default HostStorage openHostStorage(int numBlocks) {
    return HostStorage.allocate(layout(), numBlocks);
  }

  /**
   * Why this storage cannot be used any more: its device broke while it worked. Its content is lost
   * then, and all that is left is to close it.
   *
   * @return one sentence, or empty while all is well
   */
  default Optional<String> failure() {
    return Optional.empty();
  }

  /**
   * Gives the memory back.
   *
   * @throws IllegalStateException if it was given back before
   */
  @Override
  void close();
}
