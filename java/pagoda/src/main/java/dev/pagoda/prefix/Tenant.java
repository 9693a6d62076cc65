package dev.pagoda.prefix;

/** A namespace's name, and how much of the cache it has. */
final class Tenant {
  final String name;
  final int quotaBlocks;

  // Guarded by the retention order's lock.
  int numCached;
  final BlockList[] idleByPriority = BlockList.perPriority();

  Tenant(String name, int quotaBlocks) {
    this.name = name;
    this.quotaBlocks = quotaBlocks;
  }
}
