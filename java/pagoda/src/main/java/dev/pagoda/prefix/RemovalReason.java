package dev.pagoda.prefix;

/** Why a block is shareable no more. */
public enum RemovalReason {
  /** It is shareable, or never was. */
  NONE,
  /** It was idle, and the pool needed a block for somebody else. */
  POOL_NEEDED_A_BLOCK,
  /** It was idle, and its namespace would have held more blocks than its quota. */
  QUOTA,
  /** It was removed by name. */
  REMOVED,
  /** Everything, or everything of its namespace, was removed. */
  CLEARED
}
