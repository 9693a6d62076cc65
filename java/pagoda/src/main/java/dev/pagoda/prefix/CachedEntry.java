package dev.pagoda.prefix;

import dev.pagoda.block.BlockHandle;
import java.util.Arrays;

/**
 * One block in the index: what is in it, where it lies, and through its parents the whole prefix
 * that led to it.
 *
 * <p>An entry is made for one caching of one block and never used again: while it is {@link #live},
 * the block is cached and holds what the entry says. It goes dead before the block's caching ends.
 */
final class CachedEntry {
  /** Handle of an entry that has no block (yet). */
  static final long NO_BLOCK = BlockHandle.NONE;

  /** Nothing. */
  static final CachedEntry NONE = root(PrefixBlock.NONE.key(), Namespace.COMMON, new Tenant("", 0));

  final PrefixBlock block;
  final long handle;
  final Tenant tenant;

  /** Root, or the entry before, possibly dead. Replaced only by one of the same prefix. */
  private volatile CachedEntry parent;

  private volatile boolean live = true;

  private CachedEntry(PrefixBlock block, long handle, Tenant tenant) {
    this.block = block;
    this.handle = handle;
    this.tenant = tenant;
    parent = this;
  }

  CachedEntry(PrefixBlock block, long handle, CachedEntry parent) {
    this.block = block;
    this.handle = handle;
    this.tenant = parent.tenant;
    this.parent = parent;
  }

  /** What the first blocks of a namespace hang on; no block itself. */
  static CachedEntry root(BlockKey key, Namespace namespace, Tenant tenant) {
    PrefixBlock nothing = new PrefixBlock(key, key, namespace, -1, new int[0]);
    return new CachedEntry(nothing, NO_BLOCK, tenant);
  }

  private boolean isRoot() {
    return block.blockIndex() < 0;
  }

  CachedEntry parent() {
    return parent;
  }

  BlockKey key() {
    return block.key();
  }

  boolean hasBlock() {
    return handle != NO_BLOCK;
  }

  boolean isLive() {
    return live;
  }

  void die() {
    live = false;
  }

  /** Whether this entry holds these tokens behind the prefix of that one, every token compared. */
  boolean continues(CachedEntry prefix, int[] tokenIds, int from) {
    int[] own = block.ids();
    return own.length <= tokenIds.length - from
        && Arrays.equals(own, 0, own.length, tokenIds, from, from + own.length)
        && hangsOn(prefix);
  }

  /** Whether the prefix before this entry is that one. */
  boolean hangsOn(CachedEntry prefix) {
    CachedEntry before = parent;
    if (before == prefix) {
      return true;
    }
    if (!samePrefix(before, prefix)) {
      return false;
    }
    parent = prefix; // the same tokens, found at once the next time
    return true;
  }

  private static boolean samePrefix(CachedEntry one, CachedEntry other) {
    CachedEntry a = one;
    CachedEntry b = other;
    while (a != b) {
      if (a.block.blockIndex() != b.block.blockIndex()
          || !Arrays.equals(a.block.ids(), b.block.ids())
          || !a.block.namespace().equals(b.block.namespace())) {
        return false;
      }
      if (a.isRoot()) {
        return true;
      }
      a = a.parent;
      b = b.parent;
    }
    return true;
  }

  @Override
  public String toString() {
    return block + "[" + BlockHandle.toString(handle) + ", live=" + live + "]";
  }
}
