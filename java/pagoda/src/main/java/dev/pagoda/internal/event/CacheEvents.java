package dev.pagoda.internal.event;

/** Tells whoever records what happens in a cache. Safe for any number of threads. */
public interface CacheEvents {
  /**
   * Where events go in this JVM.
   *
   * @return the flight recorder, or nowhere where that is missing
   */
  static CacheEvents current() {
    return RecorderChoice.CURRENT;
  }

  /** A step took blocks. */
  void reserved(int numSequences, int numBlocks);

  /** A sequence was forked. */
  void forked(long parentId, long forkId, int length);

  /** Blocks were copied because a writer shared them. */
  void copied(int numBlocks);

  /** Blocks were moved to another tier or back; {@code direction} is "out" or "in". */
  void swapped(String direction, int numBlocks, long bytes, long nanos);

  /** A group made room; {@code way} and {@code reason} are the policy's. */
  void preempted(String way, int numBlocksFreed, String reason);

  /** A request was refused for want of blocks. */
  void exhausted(int needed, int free, int total);

  /** Cached blocks were given up. */
  void evicted(int numBlocks);

  /** A prompt found its first tokens in the prefix cache. */
  void prefixHit(long sequenceId, int cachedTokens, int promptTokens);

  /** A prompt found nothing in the prefix cache, and why. */
  void prefixMissed(long sequenceId, int promptTokens, String reason);
}
