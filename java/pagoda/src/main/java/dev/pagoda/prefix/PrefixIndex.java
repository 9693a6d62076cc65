package dev.pagoda.prefix;

import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Entries by key, and in the order of their tokens behind each parent.
 *
 * <p>Readers take no lock and hold nobody up; changes come from one thread at a time. Whoever finds
 * an entry has to adopt its block and then to find the entry {@linkplain CachedEntry#isLive live}.
 */
class PrefixIndex {
  private final ConcurrentHashMap<BlockKey, CachedEntry> byKey = new ConcurrentHashMap<>();
  // One order of all would be simpler, and slow: in a large cache each comparison on the way to a
  // place in it is a few accesses to memory that nobody has touched for long.
  private final ConcurrentHashMap<BlockKey, Siblings> byParent = new ConcurrentHashMap<>();
  private final FirstBlocks firstBlocks = new FirstBlocks();

  /** An entry of which at least the first tokens are what was looked for. */
  record Head(CachedEntry entry, int numTokens) {
    static final Head NONE = new Head(CachedEntry.NONE, 0);
  }

  int size() {
    return byKey.size();
  }

  Collection<CachedEntry> entries() {
    return byKey.values();
  }

  Optional<CachedEntry> find(BlockKey key) {
    return Optional.ofNullable(byKey.get(key));
  }

  /** All or nothing. */
  void add(CachedEntry entry) {
    firstBlocks.makeRoom();
    try {
      byParent.merge(
          entry.block.parentKey(),
          Siblings.of(entry.block),
          (siblings, _) -> siblings.with(entry.block));
      byKey.put(entry.key(), entry);
    } catch (OutOfMemoryError full) {
      byKey.remove(entry.key(), entry);
      leaveSiblings(entry);
      throw full;
    }
    if (isFirst(entry)) {
      firstBlocks.add(entry.block.ids());
    }
  }

  /** Cannot fail. */
  void remove(CachedEntry entry) {
    if (byKey.remove(entry.key(), entry)) {
      leaveSiblings(entry);
      if (isFirst(entry)) {
        firstBlocks.remove(entry.block.ids());
      }
    }
  }

  private static boolean isFirst(CachedEntry entry) {
    return entry.block.blockIndex() == 0;
  }

  private void leaveSiblings(CachedEntry entry) {
    BlockKey parentKey = entry.block.parentKey();
    Siblings siblings = byParent.get(parentKey);
    if (siblings != null && !siblings.remove(entry.block)) {
      byParent.remove(parentKey);
    }
  }

  void clear() {
    byKey.clear();
    byParent.clear();
    firstBlocks.clear();
  }

  /**
   * Whether an entry found by its key is what was looked for: key equal is not enough, the tokens
   * of the block and of all before it are compared.
   */
  boolean isRight(CachedEntry entry, CachedEntry prefix, int[] tokenIds, int from) {
    return entry.continues(prefix, tokenIds, from);
  }

  /** Whether an entry found by a block's key is that block's: there may be another one by now. */
  boolean isOf(CachedEntry entry, PrefixBlock block) {
    return entry.block.equals(block);
  }

  boolean isFirstBlockOfAny(int[] tokenIds) {
    return firstBlocks.contains(tokenIds);
  }

  /**
   * The entry behind a prefix with the most first tokens in common, none if there are none.
   *
   * <p>In the order of their tokens the best one is a neighbour of what is looked for.
   */
  Head longestHead(CachedEntry prefix, int[] tokens) {
    Siblings siblings = byParent.get(prefix.key());
    if (siblings == null) {
      return Head.NONE;
    }
    PrefixBlock wanted =
        new PrefixBlock(prefix.key(), prefix.key(), prefix.block.namespace(), 0, tokens);
    Head longest = Head.NONE;
    for (PrefixBlock neighbour : siblings.neighbours(wanted)) {
      Head head = head(prefix, tokens, neighbour);
      longest = head.numTokens() >= longest.numTokens() ? head : longest;
    }
    return longest;
  }

  private Head head(CachedEntry prefix, int[] tokens, PrefixBlock neighbour) {
    int differs = Arrays.mismatch(tokens, neighbour.ids());
    int numTokens = differs < 0 ? tokens.length : differs;
    return numTokens == 0
        ? Head.NONE
        : find(neighbour.key())
            .filter(entry -> entry.isLive() && isOf(entry, neighbour))
            .filter(entry -> entry.hangsOn(prefix))
            .map(entry -> new Head(entry, numTokens))
            .orElse(Head.NONE);
  }

  /** For tests: both orders hold the same. */
  void check() {
    long first = firstBlocks.total();
    long isFirst = byKey.values().stream().filter(PrefixIndex::isFirst).count();
    int inOrder = byParent.values().stream().mapToInt(Siblings::size).sum();
    if (inOrder != byKey.size() || first != isFirst) {
      throw new IllegalStateException(
          "the index disagrees with itself: byKey="
              + byKey.size()
              + ", inOrder="
              + inOrder
              + ", firstBlocks="
              + first
              + ", counted="
              + isFirst);
    }
  }
}
