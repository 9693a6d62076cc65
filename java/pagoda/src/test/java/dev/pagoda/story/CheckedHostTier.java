package dev.pagoda.story;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.story.CheckedDiskTier.Call;
import dev.pagoda.tier.HostTier;
import dev.pagoda.tier.HostTierStatistics;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A host tier, and beside it what should be in it, and what it should ask of the tier below. After
 * a failure that is not known until the tier is emptied.
 */
final class CheckedHostTier implements LowerTier {
  private final HostTier real;
  private final LowerTier door; // to the real one
  private final int capacity;
  private final List<Call> below; // what was asked of the tier below, if there is one
  private final boolean hasBelow;
  private final Map<BlockKey, PrefixBlock> byUse = new LinkedHashMap<>(); // longest ago first
  private boolean known = true;
  private long numEvicted;
  private long numStored;
  private long numHits;

  CheckedHostTier(HostTier real, LowerTier door, int capacity, List<Call> below, boolean hasBelow) {
    this.real = real;
    this.door = door;
    this.capacity = capacity;
    this.below = below;
    this.hasBelow = hasBelow;
  }

  boolean isKnown() {
    return known;
  }

  /** After a failure: begins again with nothing. */
  void forget() {
    real.clear();
    cleared();
    known = true;
    HostTierStatistics now = real.statistics();
    numEvicted = now.numEvicted();
    numStored = now.numStored();
    numHits = now.numHits();
  }

  void cleared() {
    byUse.clear();
  }

  @Override
  public boolean contains(PrefixBlock block) {
    boolean there = door.contains(block);
    Comparison.require(
        !known || there || !byUse.containsKey(block.key()), "block in host memory", block);
    Comparison.require(
        !known || hasBelow || there == byUse.containsKey(block.key()), "block nowhere", block);
    return there;
  }

  private interface Work {
    int run();
  }

  private int watched(Work work) {
    below.clear();
    boolean done = false;
    try {
      int result = work.run();
      done = true;
      return result;
    } finally {
      known = known && done;
    }
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int loaded = watched(() -> door.load(blocks, storage, blockIds));
    if (known) {
      int expected = expectedLoad(blocks);
      Comparison.require(loaded == expected, "blocks loaded", loaded, expected, blocks.size());
      check();
    }
    return loaded;
  }

  private int expectedLoad(List<PrefixBlock> blocks) {
    Iterator<Call> asked = below.iterator();
    int at = 0;
    while (at < blocks.size()) {
      int end = at;
      while (end < blocks.size() && byUse.containsKey(blocks.get(end).key())) {
        end++;
      }
      if (end > at) {
        blocks.subList(at, end).reversed().forEach(this::use);
        numHits += end - at;
        at = end;
        continue;
      }
      while (end < blocks.size() && !byUse.containsKey(blocks.get(end).key())) {
        end++;
      }
      int numLoaded = hasBelow ? requireAsked(asked, blocks.subList(at, end)) : 0;
      at += numLoaded;
      if (at < end) {
        break;
      }
    }
    Comparison.require(!asked.hasNext(), "asked of the tier below", below);
    return at;
  }

  private static int requireAsked(Iterator<Call> asked, List<PrefixBlock> blocks) {
    Comparison.require(asked.hasNext(), "never asked of the tier below", blocks);
    Call call = asked.next();
    Comparison.require(call.blocks().equals(blocks), "asked of the tier below", call, blocks);
    return call.numLoaded();
  }

  private void use(PrefixBlock block) {
    byUse.remove(block.key());
    byUse.put(block.key(), block);
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    watched(() -> {
      door.evicted(blocks, storage, blockIds);
      return 0;
    });
    if (known) {
      offered(blocks);
      check();
    }
  }

  /** The later in its sequence the sooner it goes, as many at a time as there are slots. */
  private void offered(List<PrefixBlock> blocks) {
    Iterator<Call> asked = below.iterator();
    List<PrefixBlock> order =
        blocks.stream().sorted(Comparator.comparingInt(b -> -b.blockIndex())).toList();
    int at = 0;
    while (at < order.size()) {
      List<PrefixBlock> arriving = new ArrayList<>();
      List<PrefixBlock> victims = new ArrayList<>();
      for (; at < order.size() && arriving.size() < capacity; at++) {
        PrefixBlock block = order.get(at);
        if (byUse.containsKey(block.key())) {
          use(block);
          continue;
        }
        if (byUse.size() + arriving.size() == capacity) {
          PrefixBlock oldest = byUse.values().iterator().next();
          byUse.remove(oldest.key());
          victims.add(oldest);
        }
        arriving.add(block);
      }
      if (hasBelow && !victims.isEmpty()) {
        requireAsked(asked, victims);
      }
      arriving.forEach(this::use);
      numEvicted += victims.size();
      numStored += arriving.size();
    }
    Comparison.require(!asked.hasNext(), "offered below", below);
  }

  /** Everything was offered below, oldest first, and stayed. */
  void spilled() {
    if (known && hasBelow) {
      Iterator<Call> asked = below.iterator();
      byUse.values().forEach(block -> requireAsked(asked, List.of(block)));
      Comparison.require(!asked.hasNext(), "spilled", below);
    }
  }

  @Override
  public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    watched(() -> {
      door.stored(blocks, storage, blockIds);
      return 0;
    });
  }

  /** That there are as many as there should be, and as much has happened. */
  void check() {
    if (known) {
      HostTierStatistics now = real.statistics();
      Comparison.require(
          now.numBlocks() == byUse.size()
              && now.numEvicted() == numEvicted
              && now.numStored() == numStored
              && now.numHits() == numHits,
          "host tier",
          now,
          byUse.size(),
          numEvicted,
          numStored,
          numHits);
    }
  }
}
