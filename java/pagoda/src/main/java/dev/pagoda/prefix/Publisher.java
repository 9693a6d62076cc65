package dev.pagoda.prefix;

import dev.pagoda.CachedBlocks;
import dev.pagoda.KvSequence;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.Shelf.Shelving;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Makes committed blocks of sequences shareable: one entry per full block, each behind the one
 * before, and tells the lower tier of what came and what made room for it.
 *
 * <p>The blocks are referenced until all of that is done, so that nobody gives one up before it can
 * be found, and what a tier saves is still there. Threads: any number, one per sequence.
 */
final class Publisher {
  private final Shelf shelf;
  private final CachedBlocks blocks;
  private final TierGuard tier;
  private final EventQueue events;
  private final int blockSize;

  Publisher(Shelf shelf, TierGuard tier, EventQueue events, int blockSize) {
    this.shelf = shelf;
    blocks = shelf.blocks();
    this.tier = tier;
    this.events = events;
    this.blockSize = blockSize;
  }

  /**
   * Publishes what a chain does not have yet.
   *
   * @param chain entries of the sequence's first blocks; those that have died are published again
   * @return tokens that became shareable
   */
  int publish(
      KvSequence sequence,
      int[] tokenIds,
      int numTokens,
      TokenSequence.Line line,
      List<CachedEntry> chain,
      Retention retention) {
    int numFull = Math.min(numTokens, sequence.length()) / blockSize;
    int first = numLive(chain, numFull);
    if (!shelf.isOpenSince(line.epoch()) || first >= numFull) {
      return 0;
    }
    while (chain.size() > first) {
      chain.removeLast();
    }
    List<CachedEntry> stored = new ArrayList<>();
    long[] handles = blocks.hold(sequence, first, numFull);
    try {
      for (long handle : handles) {
        CachedEntry parent = chain.isEmpty() ? line.root() : chain.getLast();
        PrefixBlock block = block(tokenIds, line, parent, chain.size());
        Shelving shelving = shelve(block, handle, parent, retention, line.epoch());
        if (shelving.entry().isEmpty()) {
          break;
        }
        chain.add(shelving.entry().get());
        if (shelving.isNew()) {
          stored.add(shelving.entry().get());
        }
      }
      if (tier.isPresent()) {
        tier.stored(blocksOf(stored), blocks.storage(), idsOf(stored));
      }
    } finally {
      blocks.release(handles, 0, handles.length);
      events.deliver();
    }
    return stored.size() * blockSize;
  }

  private PrefixBlock block(
      int[] tokenIds, TokenSequence.Line line, CachedEntry parent, int blockIndex) {
    int from = blockIndex * blockSize;
    return new PrefixBlock(
        line.encoding().block(parent.key(), tokenIds, from),
        parent.key(),
        line.root().block.namespace(),
        blockIndex,
        Arrays.copyOfRange(tokenIds, from, from + blockSize));
  }

  private static int numLive(List<CachedEntry> chain, int numFull) {
    int count = 0;
    while (count < Math.min(numFull, chain.size()) && chain.get(count).isLive()) {
      count++;
    }
    return count;
  }

  /**
   * Puts a block on the shelf, unless its content is there already.
   *
   * @param handle a block that the caller has a reference of, and that holds the content
   * @param since refused if everything was cleared since then
   * @return the entry of that content, possibly with another block; none if it was refused
   */
  Shelving shelve(
      PrefixBlock block, long handle, CachedEntry parent, Retention retention, long since) {
    List<CachedEntry> outdated = new ArrayList<>();
    long[] one = new long[1];
    Shelving shelving;
    try {
      shelving = shelf.put(block, handle, parent, retention, since, outdated);
      // Referenced until here, so that their content is still there for the tier.
      offer(outdated, blocks.storage());
    } finally {
      while (!outdated.isEmpty()) {
        one[0] = outdated.removeLast().handle;
        blocks.release(one, 0, 1);
      }
    }
    if (!shelving.isNew()) {
      shelving.entry().ifPresent(entry -> touch(entry, retention));
    }
    return shelving;
  }

  /** A block whose content somebody has computed again counts as used. */
  private void touch(CachedEntry entry, Retention retention) {
    long[] handle = {entry.handle};
    if (blocks.adopt(handle, 0, 1, 0) == 1) {
      try {
        shelf.order().raise(new int[] {BlockHandle.blockId(entry.handle)}, 1, retention, 0);
      } finally {
        blocks.release(handle, 0, 1);
      }
    }
  }

  /** Offers blocks that are shareable no more to the lower tier. */
  void offer(List<CachedEntry> entries, KvStorage storage) {
    if (tier.isPresent() && !entries.isEmpty()) {
      tier.evicted(blocksOf(entries), storage, idsOf(entries));
    }
  }

  private static List<PrefixBlock> blocksOf(List<CachedEntry> entries) {
    return entries.stream().map(entry -> entry.block).toList();
  }

  private static int[] idsOf(List<CachedEntry> entries) {
    return entries.stream().mapToInt(entry -> BlockHandle.blockId(entry.handle)).toArray();
  }
}
