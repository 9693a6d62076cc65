package dev.pagoda.prefix;

/**
 * Told what a prefix cache holds, to route requests to where their beginning is for instance.
 *
 * <p>Events come in the order of the changes, one at a time, outside every lock, from the thread
 * that made the change or one that does so at the same time. A listener that throws is logged and
 * told of the next event all the same.
 */
public interface PrefixListener {
  /**
   * A block has become shareable.
   *
   * @param sequenceNumber grows by 1 with each event of the cache, from 1
   * @param block the block, with its parent's key
   */
  default void stored(long sequenceNumber, PrefixBlock block) {}

  /**
   * A block is shareable no more.
   *
   * @param sequenceNumber grows by 1 with each event of the cache
   * @param block the block, with its parent's key
   * @param reason why
   */
  default void removed(long sequenceNumber, PrefixBlock block, RemovalReason reason) {}

  /**
   * No block is shareable any more; comes instead of a removal of each.
   *
   * @param sequenceNumber grows by 1 with each event of the cache
   */
  default void cleared(long sequenceNumber) {}
}
