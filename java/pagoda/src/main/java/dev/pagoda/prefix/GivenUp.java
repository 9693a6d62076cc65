package dev.pagoda.prefix;

import dev.pagoda.block.BlockHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Blocks that the pool has given up: what they held, and which of them could be found. */
final class GivenUp {
  private static final GivenUp NOTHING = new GivenUp(0);

  private final List<CachedEntry> entries;
  private final boolean[] wasLive;
  private final int numMax;
  private long epoch;

  private GivenUp(int numMax) {
    this.numMax = numMax;
    entries = new ArrayList<>(numMax);
    wasLive = new boolean[numMax];
  }

  /** For none if there is no memory: what is given up is lost to the tiers then. */
  static GivenUp ofAtMost(int count) {
    try {
      return new GivenUp(count);
    } catch (OutOfMemoryError full) {
      return NOTHING;
    }
  }

  void add(CachedEntry entry, long now) {
    if (entries.size() < numMax) {
      wasLive[entries.size()] = entry.isLive();
      entries.add(entry);
      epoch = now;
    }
  }

  /** What a block held, if it could be found. */
  Optional<CachedEntry> foundIn(int blockId) {
    for (int i = 0; i < entries.size(); i++) {
      if (wasLive[i] && BlockHandle.blockId(entries.get(i).handle) == blockId) {
        return Optional.of(entries.get(i));
      }
    }
    return Optional.empty();
  }

  /** The time when they were taken off, as {@link Shelf#epoch}. */
  long epoch() {
    return epoch;
  }

  List<CachedEntry> entries() {
    return entries;
  }
}
