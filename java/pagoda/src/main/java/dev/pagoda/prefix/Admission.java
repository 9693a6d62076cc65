package dev.pagoda.prefix;

import dev.pagoda.CachedBlocks;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.OutOfBlocksException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Turns what a {@link PrefixLookup} found into references of blocks, step by step; each step may
 * find that less is there than was seen.
 *
 * <p>First everything found in the pool is adopted, also what lies behind a gap: from then on it
 * cannot be given up for the blocks that the gap takes. Then the gaps are loaded.
 */
final class Admission {
  private final CachedBlocks blocks;
  private final List<CachedEntry> chain;
  private final long[] handles; // per block of the chain, and the head's; NONE without reference
  private int headTokens;
  private int numLoaded;

  Admission(CachedBlocks blocks, PrefixLookup lookup) {
    this.blocks = blocks;
    chain = new ArrayList<>(lookup.slots);
    headTokens = lookup.head.numTokens();
    if (headTokens > 0) {
      chain.add(lookup.head.entry());
    }
    handles = new long[chain.size()];
    Arrays.fill(handles, BlockHandle.NONE);
  }

  int numResident() {
    return (int) chain.stream().filter(CachedEntry::hasBlock).count();
  }

  /** Blocks of the chain that are here and need not be taken for the sequence. */
  int numResidentFull() {
    return numResident() - (headTokens > 0 ? 1 : 0);
  }

  /**
   * Takes references of what is in the pool.
   *
   * @param numMore blocks that must be available besides
   */
  void adopt(int numMore) {
    int numResident = numResident();
    long[] resident = new long[numResident];
    int[] indices = new int[numResident];
    int count = 0;
    for (int i = 0; i < handles.length; i++) {
      if (chain.get(i).hasBlock()) {
        resident[count] = chain.get(i).handle;
        indices[count] = i;
        count++;
      }
    }
    int numAdopted = blocks.adopt(resident, 0, numResident, numMore);
    for (int i = 0; i < numAdopted; i++) {
      handles[indices[i]] = resident[i];
    }
    if (numAdopted < numResident) {
      cut(indices[numAdopted]);
    }
    // What was taken out of the index before its block was adopted may hold anything by now.
    for (int i = 0; i < numBlocks(); i++) {
      if (handles[i] != BlockHandle.NONE && !chain.get(i).isLive()) {
        cut(i);
      }
    }
  }

  /** Fills the gaps from a tier, as far as it and the pool go. */
  void load(Publisher publisher, TierGuard tier, Retention retention, long since) {
    int[] gaps = gaps();
    if (gaps.length == 0) {
      return;
    }
    List<PrefixBlock> missing = Arrays.stream(gaps).mapToObj(gap -> chain.get(gap).block).toList();
    int[] blockIds = new int[gaps.length];
    long[] taken;
    try {
      taken = blocks.take(gaps.length);
    } catch (OutOfBlocksException tooFew) {
      cut(gaps[0]);
      return;
    }
    for (int i = 0; i < gaps.length; i++) {
      handles[gaps[i]] = taken[i];
      blockIds[i] = BlockHandle.blockId(taken[i]);
    }
    blocks.move(taken, () -> numLoaded = tier.load(missing, blocks.storage(), blockIds));
    for (int i = 0; i < numLoaded; i++) {
      CachedEntry gap = chain.get(gaps[i]);
      CachedEntry parent = gaps[i] == 0 ? gap.parent() : chain.get(gaps[i] - 1);
      chain.set(
          gaps[i],
          publisher.shelve(gap.block, taken[i], parent, retention, since).entry().orElse(gap));
    }
    if (numLoaded < gaps.length) {
      cut(gaps[numLoaded]);
    }
  }

  private int[] gaps() {
    int[] gaps = new int[numBlocks()];
    int count = 0;
    for (int i = 0; i < gaps.length; i++) {
      if (handles[i] == BlockHandle.NONE) {
        gaps[count] = i;
        count++;
      }
    }
    return Arrays.copyOf(gaps, count);
  }

  /** Gives up the chain from an index on. */
  private void cut(int from) {
    int end = numBlocks();
    for (int i = end - 1; i >= from; i--) {
      if (handles[i] != BlockHandle.NONE) {
        blocks.release(handles, i, i + 1);
        handles[i] = BlockHandle.NONE;
      }
    }
    chain.subList(from, end).clear();
    if (from < end) {
      headTokens = 0; // the head is always last
    }
  }

  /** Gives everything up. */
  void release() {
    cut(0);
  }

  int numBlocks() {
    return chain.size();
  }

  int headTokens() {
    return headTokens;
  }

  int numLoaded() {
    return numLoaded;
  }

  /** References in token order, the head's last; they go to whoever calls this. */
  long[] takeHandles() {
    return Arrays.copyOf(handles, numBlocks());
  }

  int[] blockIds() {
    int[] ids = new int[numBlocks()];
    Arrays.setAll(ids, i -> BlockHandle.blockId(handles[i]));
    return ids;
  }

  /** Entries of the full blocks. */
  List<CachedEntry> fullBlocks() {
    return chain.subList(0, headTokens > 0 ? numBlocks() - 1 : numBlocks());
  }
}
