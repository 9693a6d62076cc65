package dev.pagoda.story;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.DiskTier;
import dev.pagoda.tier.file.DiskTierSettings;
import dev.pagoda.tier.file.DiskTierStatistics;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * A disk tier, and beside it what should be in it: which blocks, in which order they are given up,
 * and which were offered once. After a failure that is not known until the tier is emptied.
 */
final class CheckedDiskTier implements LowerTier {
  /** What outlives a tier: the files, oldest first. */
  static final class Folder {
    private final Set<BlockKey> byAge = new LinkedHashSet<>();
    private boolean known = true;
  }

  private final DiskTier real;
  private final LowerTier door; // to the real one
  private final DiskTierSettings settings;
  private final int capacity;
  private final Folder folder;
  private final Set<BlockKey> byUse; // used longest ago first
  private final Set<BlockKey> offeredOnce = new HashSet<>();
  private boolean seenKnown = true;
  private long numEvicted;
  private long numWritten;
  private long numNotSeenTwice;
  private long numHits;

  /** What was asked of it since somebody looked. */
  final List<Call> calls = new ArrayList<>();

  /** A load with what it returned, or an offer. */
  record Call(List<PrefixBlock> blocks, int numLoaded) {}

  CheckedDiskTier(
      DiskTier real, LowerTier door, DiskTierSettings settings, long fileBytes, Folder folder) {
    this.real = real;
    this.door = door;
    this.settings = settings;
    this.folder = folder;
    capacity = Math.toIntExact(settings.bytesMax() / fileBytes);
    byUse = new LinkedHashSet<>(folder.byAge);
    expectCounters();
    check();
  }

  boolean isKnown() {
    return folder.known;
  }

  private void lost() {
    folder.known = false;
    seenKnown = !settings.onlySeenTwice();
  }

  /** After a failure: begins again with nothing, if nothing stayed behind. */
  void forget() {
    real.clear();
    folder.byAge.clear();
    byUse.clear();
    folder.known = seenKnown && real.statistics().bytes() == 0;
    expectCounters();
  }

  /** From here on counters are compared with what they are now. */
  private void expectCounters() {
    DiskTierStatistics now = real.statistics();
    numEvicted = now.numEvicted();
    numWritten = now.numWritten();
    numNotSeenTwice = now.numNotSeenTwice();
    numHits = now.numHits();
  }

  private static long numFailures(DiskTierStatistics s) {
    return s.numSkipped() + s.numRefused() + s.numReadFailures() + s.numWriteFailures();
  }

  private interface Work {
    int run();
  }

  /** Runs what the real one does; whatever fails in it makes its content unknown. */
  private int watched(Work work) {
    long before = numFailures(real.statistics());
    boolean done = false;
    try {
      int result = work.run();
      done = true;
      return result;
    } finally {
      DiskTierStatistics now = real.statistics();
      boolean leftNothing = now.numBlocks() > 0 || now.bytes() == 0;
      if (!done || numFailures(now) != before || !leftNothing) {
        lost();
      }
    }
  }

  @Override
  public boolean contains(PrefixBlock block) {
    boolean there = door.contains(block);
    Comparison.require(
        !isKnown() || there == byUse.contains(block.key()), "block on disk", block, there);
    return there;
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int loaded = watched(() -> door.load(blocks, storage, blockIds));
    calls.add(new Call(blocks, loaded));
    if (isKnown()) {
      int expected = 0;
      while (expected < blocks.size() && use(blocks.get(expected).key())) {
        expected++;
      }
      numHits += expected;
      Comparison.require(loaded == expected, "blocks loaded from disk", loaded, expected);
      check();
    }
    return loaded;
  }

  private boolean use(BlockKey key) {
    return byUse.remove(key) && byUse.add(key);
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    calls.add(new Call(blocks, -1));
    watched(() -> {
      door.evicted(blocks, storage, blockIds);
      return 0;
    });
    offered(blocks);
  }

  @Override
  public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    watched(() -> {
      door.stored(blocks, storage, blockIds);
      return 0;
    });
    if (settings.writeEarly()) {
      offered(blocks);
    }
  }

  /** The last one first, so that the beginning of a sequence is given up last. */
  private void offered(List<PrefixBlock> blocks) {
    if (isKnown()) {
      blocks.reversed().forEach(block -> offered(block.key()));
      check();
    } else {
      lost(); // nobody writes down what was offered once
    }
  }

  private void offered(BlockKey key) {
    if (use(key)) {
      return;
    }
    if (settings.onlySeenTwice() && !offeredOnce.remove(key)) {
      offeredOnce.add(key);
      numNotSeenTwice++;
      return;
    }
    while (byUse.size() >= capacity) {
      BlockKey oldest = byUse.iterator().next();
      byUse.remove(oldest);
      folder.byAge.remove(oldest);
      numEvicted++;
    }
    byUse.add(key);
    folder.byAge.add(key);
    numWritten++;
  }

  /** A file that cannot be removed is found by the next tier. */
  void clear() {
    watched(() -> {
      real.clear();
      return 0;
    });
    folder.byAge.clear();
    byUse.clear();
  }

  /** That there are as many as there should be, and as much has happened. */
  void check() {
    if (isKnown()) {
      DiskTierStatistics now = real.statistics();
      Comparison.require(
          now.numBlocks() == byUse.size()
              && now.numEvicted() == numEvicted
              && now.numWritten() == numWritten
              && now.numNotSeenTwice() == numNotSeenTwice
              && now.numHits() == numHits,
          "disk tier",
          now,
          byUse.size(),
          numEvicted,
          numWritten,
          numNotSeenTwice,
          numHits);
    }
  }
}
