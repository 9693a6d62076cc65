package dev.pagoda.story;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.CopyFaults;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.TokenContent;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.file.SequenceStore;
import dev.pagoda.tier.file.StoryFiles;
import dev.pagoda.tier.file.SwapFolder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A small cache with everything that goes with it, and beside it what all of that should be, in the
 * plainest way: blocks with owners, a list of idle ones, a map of shareable ones by what they
 * contain, promises, groups that are away.
 *
 * <p>Every slot holds numbers computed from its layer, head, and the history of its token, which
 * begins with the tenant: any mix-up of blocks, tenants or prefixes is seen by reading memory.
 *
 * <p>This class opens, restarts and ends a world. {@link Choices} decides what happens in it,
 * {@link StorySequences} has its users, {@link Comparison} finds what is wrong.
 */
final class StoryWorld implements AutoCloseable {
  final KvShape shape;
  final int blockSize;
  final int numBlocks;
  final int numSlots; // of the swap space
  final Optional<Integer> quota; // anna's
  final Outcomes outcomes;
  final CopyFaults copies;
  final PrefixStories.Faults faults;
  final Choices choices;
  final Comparison comparison;
  final StoryFiles files = new StoryFiles();
  final StoryTiers tiers;
  final StoryWatermarks watermarks;
  final AtomicLong nanos = new AtomicLong(1);
  final StoryCounts counts = new StoryCounts();
  final StorySequences sequences;
  final Pressing.Pressure pressure;

  /** Groups that are swapped out, dropped or in files, those of the preemptor aside. */
  final List<StoryGroup> groups = new ArrayList<>();

  /** What was saved under each number, whatever becomes of the cache. */
  final List<Optional<Saving.Saved>> saved =
      new ArrayList<>(List.of(Optional.empty(), Optional.empty(), Optional.empty()));

  final List<Decoding.Group> decoding = new ArrayList<>();
  int depth; // operations inside an open step
  boolean armed; // a copy or file call of this operation may fail

  // Until the next restart.
  PagedKvCache cache;
  PrefixCache prefixes;
  SwapSpace space;
  SequenceStore store;
  SwapFolder folder;
  StoryPool pool;
  StoryShelves shelves;
  long epoch;

  private final boolean headHits;
  private final Checks checks;
  private TokenContent content;
  private HostStorage memory;
  private boolean restarting; // what is in the files now stays there

  /** A world without tiers: what is in them is known by its key and its own tokens alone. */
  static StoryWorld withoutTiers(long seed, PrefixStories.Faults faults) {
    return new StoryWorld(
        seed, faults, new CopyFaults(), new Outcomes(), Comparison.Of.EVERYTHING, false);
  }

  StoryWorld(
      long seed,
      PrefixStories.Faults faults,
      CopyFaults copies,
      Outcomes outcomes,
      Comparison.Of compared) {
    this(seed, faults, copies, outcomes, compared, true);
  }

  private StoryWorld(
      long seed,
      PrefixStories.Faults faults,
      CopyFaults copies,
      Outcomes outcomes,
      Comparison.Of compared,
      boolean hasTiers) {
    SplittableRandom choice = new SplittableRandom(seed);
    this.faults = faults;
    this.copies = copies;
    this.outcomes = outcomes;
    comparison = new Comparison(this, compared);
    numBlocks = choice.nextInt(4, 1 << choice.nextInt(4, 8));
    numSlots = choice.nextInt(1, 24);
    blockSize = choice.nextInt(1, 6);
    choices = new Choices(blockSize);
    headHits = choice.nextInt(4) > 0;
    quota = choice.nextInt(4) == 0 ? Optional.of(choice.nextInt(numBlocks)) : Optional.empty();
    checks = choice.nextInt(4) == 0 ? Checks.DEBUG : Checks.STANDARD;
    watermarks = new StoryWatermarks(choice, outcomes);
    shape = new KvShape(copies.layers(), blockSize);
    tiers = hasTiers ? new StoryTiers(choice, files) : StoryTiers.none(files);
    pool = newPool();
    shelves = newShelves();
    sequences = new StorySequences(this);
    openCache();
    pressure = new Pressing.Pressure(this, choice.split());
  }

  private void openCache() {
    memory = copies.allocate(shape, numBlocks);
    cache = copies.open(memory, checks);
    content = new TokenContent(cache.layout());
    prefixes = openPrefixes();
    space = SwapSpace.open(cache, Capacity.blocks(numSlots), checks);
    store = files.openStore(cache);
    folder = files.openFolder(cache);
    watermarks.watch(cache);
  }

  private StoryPool newPool() {
    return new StoryPool(numBlocks, this::evicted, nanos::get);
  }

  private StoryShelves newShelves() {
    return new StoryShelves(pool, tiers, blockSize, headHits, quota, nanos::get);
  }

  private void evicted(Shelf shelf) {
    shelves.unshelve(shelf);
    counts.evicted++;
  }

  private PrefixCache openPrefixes() {
    PrefixCache opened =
        PrefixStories.open(cache, headHits, quota, tiers.open(cache, faults), nanos::get, faults);
    tiers.forgetEvents();
    opened.addListener(tiers);
    return opened;
  }

  /** Another prefix cache over the same cache and files. Sequences stay. */
  void reopenPrefixes() {
    prefixes.close();
    shelves.clear();
    closeTiers();
    for (StorySequence sequence : sequences.all) {
      sequence.orphan = sequence.orphan || sequence.tokens.isPresent();
      sequence.epoch = -1;
    }
    counts.clearPrefixes();
    shelves = newShelves();
    epoch = 0;
    prefixes = openPrefixes();
  }

  private void closeTiers() {
    tiers.close(outcomes);
    outcomes.count("eviction", counts.evicted);
    outcomes.count("eviction for a quota", shelves.numQuotaRemovals);
    outcomes.count("publishing refused by a quota", shelves.numQuotaRefusals);
    outcomes.count("duplicate published", shelves.numDuplicates);
    outcomes.count("removed by name", counts.removed);
    outcomes.count("cleared", counts.cleared);
  }

  /** Everything is closed, and another cache opened over the same files. Nothing is away. */
  void restart(boolean spills) {
    if (spills) {
      tiers.spill();
    }
    int onDisk = tiers.numBlocksOnDisk();
    restarting = true;
    end();
    restarting = false;
    close();
    pool = newPool();
    shelves = newShelves();
    sequences.restart();
    counts.clear();
    epoch = 0;
    openCache();
    pressure.open(this);
    if (tiers.hasDisk()) {
      Comparison.require(tiers.numFoundOnDisk() >= onDisk, "blocks found on disk", tiers);
      outcomes.count(onDisk > 0 ? "restart found blocks on disk" : "restart found an empty disk");
    }
  }

  boolean isRestarting() {
    return restarting;
  }

  int blocksFor(int numTokens) {
    return (numTokens + blockSize - 1) / blockSize;
  }

  /** What is planted happens within the next operation, or not at all. */
  void arm() {
    armed = choices.nextInt(8) == 0;
    if (armed) {
      copies.failIn(choices.nextInt(1, 4), choices.nextBoolean());
      if (choices.nextBoolean()) {
        files.failIn(choices.nextInt(1, 12), choices.nextBoolean());
      }
    }
  }

  void disarm() {
    armed = false;
    copies.repair();
    files.repair();
  }

  /** Time passes. */
  void advance(long byNanos) {
    nanos.addAndGet(byNanos);
    pool.endPins();
    var _ = cache.statistics(); // has the real one look at its clock now
  }

  /** Writes the rows of some histories in all layers. */
  void write(Step step, long[] histories) {
    sequences.all.stream().filter(s -> s.busy).forEach(s -> faults.begun(s.real, s.tokens));
    for (int layer = 0; layer < shape.numLayers(); layer++) {
      step.write(
          layer,
          Rows.of(content.keys(layer, histories)),
          Rows.of(content.values(layer, histories)));
    }
  }

  /** Where some blocks hold something else than the rows of some histories; empty if nowhere. */
  String difference(int[] blockIds, long[] histories, int first) {
    copies.read(cache, memory, blockIds);
    return content.difference(memory, blockIds, histories, first);
  }

  /** Everything is closed and every block is free. Nothing is away. */
  void end() {
    disarm();
    sequences.closePromises();
    boolean all = choices.nextBoolean();
    comparison.checkSequences();
    if (!all) {
      List.copyOf(sequences.all).forEach(sequences::close);
      comparison.check();
      cache.checkConservation();
    }
    store.close();
    folder.close();
    space.close();
    prefixes.close();
    closeTiers();
    Comparison.require(files.numOpen() == 0, "open files", files.numOpen());
    if (all) {
      cache.closeAll();
      sequences.all.forEach(
          sequence -> Comparison.require(sequence.real.isClosed(), "still open", sequence));
    } else {
      Comparison.require(
          cache.statistics().blocks().numFree() == numBlocks, "free at the end", cache);
      cache.close();
    }
  }

  @Override
  public void close() {
    if (memory.segment().scope().isAlive()) {
      memory.close();
    }
  }

  @Override
  public String toString() {
    return "numBlocks="
        + numBlocks
        + ", blockSize="
        + blockSize
        + ", numSlots="
        + numSlots
        + ", headHits="
        + headHits
        + ", quota="
        + quota
        + ", "
        + tiers;
  }
}
