package dev.pagoda.internal.event;

/** Nobody can record. */
final class NoEvents implements CacheEvents {
  NoEvents() {}

  @Override
  public void reserved(int numSequences, int numBlocks) {}

  @Override
  public void forked(long parentId, long forkId, int length) {}

  @Override
  public void copied(int numBlocks) {}

  @Override
  public void swapped(String direction, int numBlocks, long bytes, long nanos) {}

  @Override
  public void preempted(String way, int numBlocksFreed, String reason) {}

  @Override
  public void exhausted(int needed, int free, int total) {}

  @Override
  public void evicted(int numBlocks) {}

  @Override
  public void prefixHit(long sequenceId, int cachedTokens, int promptTokens) {}

  @Override
  public void prefixMissed(long sequenceId, int promptTokens, String reason) {}
}
