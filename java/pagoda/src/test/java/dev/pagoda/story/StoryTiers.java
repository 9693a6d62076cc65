package dev.pagoda.story;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.TokenContent;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixListener;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.RemovalReason;
import dev.pagoda.tier.HostTier;
import dev.pagoda.tier.file.DiskTier;
import dev.pagoda.tier.file.DiskTierSettings;
import dev.pagoda.tier.file.StoryFiles;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The tiers below a prefix cache, if it has any, and everything that was ever said of it: which
 * blocks it stored, under which keys. The tiers may lose what they like; what they claim to have
 * must be of that, and is compared slot by slot once it is loaded.
 */
final class StoryTiers implements PrefixListener {
  private final Optional<Integer> hostSlots;
  private final Optional<DiskTierSettings> diskSettings;
  private final StoryFiles files;

  /** Every block that was ever stored, by the history of its last token. */
  private final Map<Long, PrefixBlock> blockOf = new HashMap<>();

  private final Map<BlockKey, Long> historyOf = new HashMap<>();

  /** Blocks that are shareable now, as the events tell. */
  private final Set<BlockKey> told = new HashSet<>();

  private long lastEvent;
  private Optional<HostTier> host = Optional.empty();
  private Optional<DiskTier> disk = Optional.empty();
  private Optional<CheckedHostTier> hostBooks = Optional.empty();
  private Optional<CheckedDiskTier> diskBooks = Optional.empty();
  private final CheckedDiskTier.Folder folder = new CheckedDiskTier.Folder();

  private StoryTiers(StoryFiles files) {
    this.files = files;
    hostSlots = Optional.empty();
    diskSettings = Optional.empty();
  }

  /** No tiers. */
  static StoryTiers none(StoryFiles files) {
    return new StoryTiers(files);
  }

  StoryTiers(SplittableRandom choice, StoryFiles files) {
    this.files = files;
    hostSlots = choice.nextBoolean() ? Optional.of(choice.nextInt(1, 24)) : Optional.empty();
    diskSettings = choice.nextInt(3) > 0 ? Optional.of(settings(choice)) : Optional.empty();
  }

  private static DiskTierSettings settings(SplittableRandom choice) {
    DiskTierSettings settings = DiskTierSettings.ofBytes(choice.nextInt(1 << 13, 1 << 18));
    settings = choice.nextInt(3) == 0 ? settings.seenTwice() : settings;
    settings = choice.nextInt(3) == 0 ? settings.early() : settings;
    return choice.nextInt(3) == 0 ? settings.force() : settings;
  }

  LowerTier open(PagedKvCache cache, PrefixStories.Faults faults) {
    disk = diskSettings.map(settings -> files.openTier(cache, settings));
    long fileBytes = StoryFiles.fileBytes(cache);
    diskBooks =
        disk.map(tier ->
            new CheckedDiskTier(
                tier, faults.diskTier(tier), diskSettings.orElseThrow(), fileBytes, folder));
    LowerTier below = diskBooks.map(LowerTier.class::cast).orElse(LowerTier.NONE);
    host = hostSlots.map(slots -> HostTier.open(cache, Capacity.blocks(slots), below));
    hostBooks =
        host.map(tier ->
            new CheckedHostTier(
                tier,
                faults.hostTier(tier),
                hostSlots.orElseThrow(),
                diskBooks.map(books -> books.calls).orElseGet(ArrayList::new),
                diskBooks.isPresent()));
    return hostBooks.map(LowerTier.class::cast).orElse(below);
  }

  /** What is in the tiers is what should be; once a failure made it uncertain, they are emptied. */
  void check(Outcomes outcomes, boolean empties) {
    hostBooks.ifPresent(books -> {
      if (!books.isKnown() && empties) {
        books.forget();
      }
      books.check();
      outcomes.count(books.isKnown() ? "host tier compared" : "host tier uncertain");
    });
    diskBooks.ifPresent(books -> {
      if (!books.isKnown() && empties) {
        books.forget();
      }
      books.check();
      outcomes.count(books.isKnown() ? "disk tier compared" : "disk tier uncertain");
    });
  }

  /** Every block that was ever stored is where it should be, and nowhere else. */
  void checkAll() {
    for (PrefixBlock block : blockOf.values()) {
      hostBooks.ifPresent(books -> books.contains(block));
      diskBooks.ifPresent(books -> books.contains(block));
    }
  }

  void close(Outcomes outcomes) {
    host.ifPresent(tier -> outcomes.count("host tier hit", tier.statistics().numHits()));
    disk.ifPresent(tier -> {
      outcomes.count("disk tier hit", tier.statistics().numHits());
      outcomes.count("disk tier eviction", tier.statistics().numEvicted());
      outcomes.count("disk tier write failed", tier.statistics().numWriteFailures());
      outcomes.count("disk tier read failed", tier.statistics().numReadFailures());
      outcomes.count("disk tier: not seen twice", tier.statistics().numNotSeenTwice());
    });
    host.ifPresent(HostTier::close);
    disk.ifPresent(DiskTier::close);
  }

  /** The prefix cache is another one from here on: what it tells begins anew. */
  void forgetEvents() {
    told.clear();
    lastEvent = 0;
  }

  boolean hasDisk() {
    return disk.isPresent();
  }

  void spill() {
    diskBooks.ifPresent(books -> books.calls.clear());
    host.ifPresent(HostTier::spill);
    hostBooks.ifPresent(CheckedHostTier::spilled);
  }

  void clear(boolean ofHost) {
    if (ofHost) {
      host.ifPresent(HostTier::clear);
      hostBooks.ifPresent(CheckedHostTier::cleared);
    } else {
      diskBooks.ifPresent(CheckedDiskTier::clear);
    }
  }

  int numBlocksOnDisk() {
    return disk.map(tier -> tier.statistics().numBlocks()).orElse(0);
  }

  int numFoundOnDisk() {
    return disk.map(tier -> tier.statistics().numFound()).orElse(0);
  }

  void checkConservation() {
    host.ifPresent(HostTier::checkConservation);
  }

  /** Whether the tiers claim a block, by the history of its last token. */
  boolean claim(long history) {
    PrefixBlock block = blockOf.get(history);
    return block != null
        && (host.isPresent()
            ? hostBooks.orElseThrow().contains(block)
            : disk.isPresent() && diskBooks.orElseThrow().contains(block));
  }

  /** The key under which a block was ever stored, by the history of its last token. */
  Optional<BlockKey> keyOf(long history) {
    return Optional.ofNullable(blockOf.get(history)).map(PrefixBlock::key);
  }

  // What the prefix cache tells.

  private void count(long sequenceNumber) {
    Comparison.require(sequenceNumber == lastEvent + 1, "event number", sequenceNumber);
    lastEvent = sequenceNumber;
  }

  @Override
  public void stored(long sequenceNumber, PrefixBlock block) {
    count(sequenceNumber);
    Comparison.require(told.add(block.key()), "stored twice", block);
    long history =
        block.blockIndex() == 0
            ? Tenants.historyBefore(Tenants.nameOf(block.namespace()))
            : historyOf.getOrDefault(block.parentKey(), 0L);
    for (int id : block.tokenIds()) {
      history = TokenContent.follow(history, id);
    }
    historyOf.put(block.key(), history);
    blockOf.put(history, block);
  }

  @Override
  public void removed(long sequenceNumber, PrefixBlock block, RemovalReason reason) {
    count(sequenceNumber);
    Comparison.require(told.remove(block.key()), "removed and not stored", block);
  }

  @Override
  public void cleared(long sequenceNumber) {
    count(sequenceNumber);
    told.clear();
  }

  /** What the events add up to is what is shareable. */
  void requireTold(Set<Long> histories) {
    Comparison.require(told.size() == histories.size(), "blocks by the events", told.size());
    for (BlockKey key : told) {
      Comparison.require(
          histories.contains(historyOf.getOrDefault(key, 0L)), "block by the events", key);
    }
  }

  @Override
  public String toString() {
    return "tiers: " + List.of(host, disk);
  }
}
