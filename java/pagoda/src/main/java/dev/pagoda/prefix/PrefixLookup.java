package dev.pagoda.prefix;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What the index and the lower tier have of one prompt. Looking changes nothing.
 *
 * <p>A slot per block found, in token order: a live entry, or one without a block, for the tier to
 * load. Behind them possibly the head of one more block. At least one token is left over.
 */
final class PrefixLookup {
  final CachedEntry root;
  final int[] tokenIds;
  final List<CachedEntry> slots = new ArrayList<>();
  final PrefixIndex.Head head;
  final MissReason missReason;

  /** A prompt of which nothing is looked for. */
  PrefixLookup(CachedEntry root, int[] tokenIds) {
    this.root = root;
    this.tokenIds = tokenIds;
    head = PrefixIndex.Head.NONE;
    missReason = MissReason.NOT_READ;
  }

  PrefixLookup(Shelves shelves, KeyEncoding encoding, CachedEntry root, int[] tokenIds) {
    this.root = root;
    this.tokenIds = tokenIds;
    int blockSize = shelves.blockSize();
    int numUsable = Math.max(0, tokenIds.length - 1); // the last one yields the next token
    CachedEntry prefix = root;
    Optional<PrefixBlock> missing = Optional.empty();
    while (missing.isEmpty() && (slots.size() + 1) * (long) blockSize <= numUsable) {
      int from = slots.size() * blockSize;
      BlockKey key = encoding.block(prefix.key(), tokenIds, from);
      Optional<CachedEntry> found = find(shelves, key, prefix, from);
      if (found.isEmpty()) {
        PrefixBlock block = block(key, prefix, slots.size(), from, blockSize);
        if (shelves.isBelow(block)) {
          found = Optional.of(new CachedEntry(block, CachedEntry.NO_BLOCK, prefix));
        } else {
          missing = Optional.of(block);
        }
      }
      if (found.isPresent()) {
        prefix = found.get();
        slots.add(prefix);
      }
    }
    int from = slots.size() * blockSize;
    int numLeft = Math.min(blockSize, numUsable - from);
    PrefixIndex.Head longest =
        numLeft == 0
            ? PrefixIndex.Head.NONE
            : shelves
                .index()
                .longestHead(prefix, Arrays.copyOfRange(tokenIds, from, from + numLeft));
    head = shelves.headHits() ? longest : PrefixIndex.Head.NONE;
    missReason = reason(shelves, missing, numLeft, longest.numTokens());
  }

  /** What a lookup goes through. */
  record Shelves(
      PrefixIndex index, EvictedKeys evicted, TierGuard tier, boolean headHits, int blockSize) {
    boolean isBelow(PrefixBlock block) {
      return tier.contains(block);
    }
  }

  private Optional<CachedEntry> find(Shelves shelves, BlockKey key, CachedEntry prefix, int from) {
    return shelves
        .index()
        .find(key)
        .filter(entry -> entry.isLive() && shelves.index().isRight(entry, prefix, tokenIds, from));
  }

  private PrefixBlock block(
      BlockKey key, CachedEntry prefix, int blockIndex, int from, int blockSize) {
    return new PrefixBlock(
        key,
        prefix.key(),
        root.block.namespace(),
        blockIndex,
        Arrays.copyOfRange(tokenIds, from, from + blockSize));
  }

  private MissReason reason(
      Shelves shelves, Optional<PrefixBlock> missing, int numLeft, int numCommon) {
    if (numLeft == 0 || (shelves.headHits() && numCommon == numLeft)) {
      return MissReason.NONE;
    }
    if (missing.isPresent() && shelves.evicted().contains(missing.get().key())) {
      return MissReason.EVICTED;
    }
    if (numCommon > 0) {
      return MissReason.SHORTER_THAN_BLOCK;
    }
    boolean othersHaveIt =
        slots.isEmpty()
            && missing.isPresent()
            && shelves.index().isFirstBlockOfAny(missing.get().ids());
    return othersHaveIt ? MissReason.OTHER_NAMESPACE : MissReason.NO_SHARED_PREFIX;
  }
}
