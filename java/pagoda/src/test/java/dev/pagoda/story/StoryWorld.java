package dev.pagoda.story;

import dev.pagoda.BlockReservation;
import dev.pagoda.CacheStatistics;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.CopyFaults;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.TokenContent;
import dev.pagoda.Watermarks;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixStatistics;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.RemovalReason;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.file.SequenceStore;
import dev.pagoda.tier.file.StoryFiles;
import dev.pagoda.tier.file.SwapFolder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * A small cache with everything that goes with it, and beside it what all of that should be, in the
 * plainest way: blocks with owners, a list of idle ones, a map of shareable ones by what they
 * contain, promises, groups that are away.
 *
 * <p>Every slot holds numbers computed from its layer, head, and the history of its token, which
 * begins with the tenant: any mix-up of blocks, tenants or prefixes is seen by reading memory.
 */
final class StoryWorld implements AutoCloseable {
  /** Tenants, some of which have an adapter, or one that is called like a tenant. */
  private static final Map<String, Namespace> TENANTS =
      Map.of(
          "anna", Namespace.of("anna"),
          "bert", Namespace.of("bert"),
          "anna with adapter", Namespace.of("anna").withAdapter("lora"),
          "adapter anna", Namespace.COMMON.withAdapter("anna"));

  private static final List<String> TENANT_NAMES = TENANTS.keySet().stream().sorted().toList();

  private static final int SEQUENCES_MAX = 12;
  private static final int FULL_CHECK_EVERY = 256;

  final KvShape shape;
  final int blockSize;
  final int numBlocks;
  final int numSlots; // of the swap space
  final Outcomes outcomes;
  final CopyFaults copies;
  final Compared compared;
  final StoryFiles files = new StoryFiles();
  final AtomicLong nanos = new AtomicLong(1);

  /** Prompts that were used, to begin others with. */
  final List<int[]> prompts = new ArrayList<>();

  SplittableRandom random = new SplittableRandom(0);
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
  StoryPromise noPromise;
  final StoryTiers tiers;
  final List<StorySequence> sequences = new ArrayList<>();
  final List<StoryPromise> promises = new ArrayList<>();

  /** Groups that are swapped out, dropped or in files, those of the preemptor aside. */
  final List<StoryGroup> groups = new ArrayList<>();

  /** What was saved under each number, whatever becomes of the cache. */
  final List<Optional<Saving.Saved>> saved =
      new ArrayList<>(List.of(Optional.empty(), Optional.empty(), Optional.empty()));

  final List<Decoding.Group> decoding = new ArrayList<>();
  final Pressing.Pressure pressure;
  final Counts counts = new Counts();
  long epoch;

  /** What a story looks at. */
  enum Compared {
    /** Everything there is to see. */
    EVERYTHING,
    /** No counters: what requests are given, which blocks they have, and what is in them. */
    WHAT_REQUESTS_SEE
  }

  /** What a cache and its prefix cache should have counted. */
  static final class Counts {
    long forks;
    long copies;
    long commits;
    long rollbacks;
    long requests;
    long promptTokens;
    long cachedTokens;
    long returnedTokens;
    long loadedTokens;
    long headTokens;
    long computedTokens;
    long evicted;
    long removed;
    long cleared;
    final Map<MissReason, Long> misses = new EnumMap<>(MissReason.class);

    @Override
    public String toString() {
      return "forks "
          + forks
          + ", copies "
          + copies
          + ", commits "
          + commits
          + ", rollbacks "
          + rollbacks
          + ", requests "
          + requests
          + ", cached "
          + cachedTokens
          + ", returned "
          + returnedTokens
          + ", loaded "
          + loadedTokens
          + ", heads "
          + headTokens
          + ", computed "
          + computedTokens
          + ", evicted "
          + evicted
          + ", misses "
          + misses;
    }
  }

  private final boolean headHits;
  private final Optional<Integer> quota; // anna's
  private final Checks checks;
  private final Watermarks marks;
  private final PrefixStories.Faults faults;
  private TokenContent content;
  private HostStorage memory;
  private Watermarks.Level level = Watermarks.Level.LOW;
  private int numChecks;
  private boolean restarting; // what is in the files now stays there

  /** A world without tiers: what is in them is known by its key and its own tokens alone. */
  static StoryWorld withoutTiers(long seed, PrefixStories.Faults faults) {
    return new StoryWorld(
        seed, faults, new CopyFaults(), new Outcomes(), Compared.EVERYTHING, false);
  }

  StoryWorld(
      long seed,
      PrefixStories.Faults faults,
      CopyFaults copies,
      Outcomes outcomes,
      Compared compared) {
    this(seed, faults, copies, outcomes, compared, true);
  }

  private StoryWorld(
      long seed,
      PrefixStories.Faults faults,
      CopyFaults copies,
      Outcomes outcomes,
      Compared compared,
      boolean hasTiers) {
    SplittableRandom choice = new SplittableRandom(seed);
    this.faults = faults;
    this.copies = copies;
    this.outcomes = outcomes;
    this.compared = compared;
    numBlocks = choice.nextInt(4, 1 << choice.nextInt(4, 8));
    numSlots = choice.nextInt(1, 24);
    blockSize = choice.nextInt(1, 6);
    headHits = choice.nextInt(4) > 0;
    quota = choice.nextInt(4) == 0 ? Optional.of(choice.nextInt(numBlocks)) : Optional.empty();
    checks = choice.nextInt(4) == 0 ? Checks.DEBUG : Checks.STANDARD;
    double high = choice.nextInt(1, 101) / 100.0;
    marks = new Watermarks(high * choice.nextInt(100) / 100.0, high);
    shape = new KvShape(copies.layers(), blockSize);
    tiers = hasTiers ? new StoryTiers(choice, files) : StoryTiers.none(files);
    memory = copies.allocate(shape, numBlocks);
    cache = copies.open(memory, checks);
    content = new TokenContent(cache.layout());
    pool = newPool();
    shelves = newShelves();
    noPromise = new StoryPromise(pool, Optional.empty(), 0);
    prefixes = openPrefixes();
    space = SwapSpace.open(cache, Capacity.blocks(numSlots), checks);
    store = files.openStore(cache);
    folder = files.openFolder(cache);
    watch();
    pressure = new Pressing.Pressure(this, choice.split());
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

  private void watch() {
    level = Watermarks.Level.LOW;
    var _ =
        cache.watch(
            marks,
            (reached, statistics) -> {
              require(reached != level, "watermark level told twice", reached);
              level = reached;
              outcomes.count("watermark " + reached);
            });
  }

  // Restarts.

  /** Another prefix cache over the same cache and files. Sequences stay. */
  void reopenPrefixes() {
    prefixes.close();
    shelves.clear();
    closeTiers();
    for (StorySequence sequence : sequences) {
      sequence.orphan = sequence.orphan || sequence.tokens.isPresent();
      sequence.epoch = -1;
    }
    forgetPrefixCounts();
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

  private void forgetPrefixCounts() {
    counts.requests = 0;
    counts.promptTokens = 0;
    counts.cachedTokens = 0;
    counts.returnedTokens = 0;
    counts.loadedTokens = 0;
    counts.headTokens = 0;
    counts.computedTokens = 0;
    counts.evicted = 0;
    counts.removed = 0;
    counts.cleared = 0;
    counts.misses.clear();
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
    pool = newPool();
    noPromise = new StoryPromise(pool, Optional.empty(), 0);
    shelves = newShelves();
    counts.forks = 0;
    counts.copies = 0;
    counts.commits = 0;
    counts.rollbacks = 0;
    forgetPrefixCounts();
    epoch = 0;
    close();
    memory = copies.allocate(shape, numBlocks);
    cache = copies.open(memory, checks);
    content = new TokenContent(cache.layout());
    prefixes = openPrefixes();
    space = SwapSpace.open(cache, Capacity.blocks(numSlots), checks);
    store = files.openStore(cache);
    folder = files.openFolder(cache);
    watch();
    pressure.open(this);
    if (tiers.hasDisk()) {
      require(tiers.numFoundOnDisk() >= onDisk, "blocks found on disk", tiers);
      outcomes.count(onDisk > 0 ? "restart found blocks on disk" : "restart found an empty disk");
    }
  }

  // Choices.

  boolean roomForMore() {
    return sequences.size() < SEQUENCES_MAX;
  }

  boolean roomFor(int count) {
    return sequences.size() + count <= SEQUENCES_MAX;
  }

  /** One that is nobody's and can do anything. */
  Optional<StorySequence> anyIdle() {
    return pick(sequences.stream().filter(s -> isHere(s) && !s.decoded).toList());
  }

  <T> Optional<T> pick(List<T> from) {
    return from.isEmpty() ? Optional.empty() : Optional.of(from.get(random.nextInt(from.size())));
  }

  static boolean isHere(StorySequence sequence) {
    return !sequence.busy && !sequence.away;
  }

  List<StorySequence> idleSequences() {
    return sequences.stream().filter(StoryWorld::isHere).toList();
  }

  /** A few that are nobody's, which share more often than not. */
  List<StorySequence> anyGroup() {
    List<StorySequence> free =
        new ArrayList<>(
            sequences.stream()
                .filter(s -> isHere(s) && !s.decoded && s.entered.isEmpty())
                .toList());
    List<StorySequence> group = new ArrayList<>();
    int count = Math.min(free.size(), 1 + random.nextInt(3));
    for (int i = 0; i < count; i++) {
      group.add(free.remove(random.nextInt(free.size())));
    }
    return group;
  }

  String tenant() {
    return random.nextBoolean()
        ? TENANT_NAMES.getFirst()
        : TENANT_NAMES.get(random.nextInt(TENANT_NAMES.size()));
  }

  int token() {
    return random.nextInt(3);
  }

  /** A prompt that often goes on from an earlier one, cut anywhere or next to a boundary. */
  int[] prompt() {
    int[] start = {};
    if (!prompts.isEmpty() && random.nextInt(4) > 0) {
      int[] earlier = prompts.get(random.nextInt(prompts.size()));
      start = Arrays.copyOf(earlier, position(earlier.length));
    }
    int extra = random.nextInt(3) == 0 ? 0 : random.nextInt(2 * blockSize + 1);
    int[] prompt = Arrays.copyOf(start, Math.min(start.length + extra, 8 * blockSize));
    for (int i = start.length; i < prompt.length; i++) {
      prompt[i] = token();
    }
    if (prompts.size() < 12) {
      prompts.add(prompt);
    } else {
      prompts.set(random.nextInt(12), prompt);
    }
    return prompt;
  }

  /** A position in {@code [0, length]}, often at or next to a block boundary. */
  int position(int length) {
    int any = random.nextInt(length + 1);
    int boundary = any / blockSize * blockSize + random.nextInt(-1, 2);
    return random.nextBoolean() ? any : Math.clamp(boundary, 0, length);
  }

  int blocksFor(int numTokens) {
    return (numTokens + blockSize - 1) / blockSize;
  }

  static Namespace namespace(String tenant) {
    return Objects.requireNonNull(TENANTS.get(tenant));
  }

  static String tenantOf(Namespace namespace) {
    return TENANT_NAMES.stream()
        .filter(name -> namespace(name).equals(namespace))
        .findFirst()
        .orElseThrow();
  }

  static long historyBefore(String tenant) {
    return TokenContent.follow(0, tenant.hashCode());
  }

  static Tokens tokens(String tenant, int... ids) {
    return Tokens.of(historyBefore(tenant), ids);
  }

  /** What is planted happens within the next operation, or not at all. */
  void arm() {
    armed = random.nextInt(8) == 0;
    if (armed) {
      copies.failIn(random.nextInt(1, 4), random.nextBoolean());
      if (random.nextBoolean()) {
        files.failIn(random.nextInt(1, 12), random.nextBoolean());
      }
    }
  }

  void disarm() {
    armed = false;
    copies.repair();
    files.repair();
  }

  // Sequences.

  StorySequence add(
      KvSequence real, Optional<TokenSequence> tokens, String tenant, OpenOptions options) {
    return add(real, tokens, tenant, options, noPromise);
  }

  StorySequence add(
      KvSequence real,
      Optional<TokenSequence> tokens,
      String tenant,
      OpenOptions options,
      StoryPromise promise) {
    faults.opened(real);
    StorySequence sequence = new StorySequence(real, tokens, tenant, options, promise);
    sequence.epoch = epoch;
    promise.join();
    sequences.add(sequence);
    return sequence;
  }

  /** A fork that the real cache has made. */
  StorySequence forked(StorySequence parent, KvSequence real, int length) {
    return forked(parent, real, Optional.empty(), length);
  }

  StorySequence forked(
      StorySequence parent, KvSequence real, Optional<TokenSequence> tokens, int length) {
    StorySequence fork =
        add(
            real,
            tokens,
            parent.tenant,
            tokens.isPresent() ? parent.options : OpenOptions.DEFAULT,
            parent.promise);
    for (StoryBlock block : parent.blocks.subList(0, blocksFor(length))) {
      pool.retain(block);
      fork.blocks.add(block);
    }
    fork.ids.append(parent.ids.ids(0, length));
    fork.lengthCounted = length;
    counts.forks++;
    return fork;
  }

  void truncated(StorySequence sequence, int length) {
    shorten(sequence, blocksFor(length));
    sequence.ids.truncate(length);
    sequence.truncated(length, blockSize);
  }

  private void shorten(StorySequence sequence, int newNumBlocks) {
    int room = sequence.promise.room();
    sequence.promise.freed(pool.releaseFrom(sequence.blocks, newNumBlocks), room);
  }

  void close(StorySequence sequence) {
    sequence.tokens.ifPresentOrElse(TokenSequence::close, sequence.real::close);
    closed(sequence);
  }

  /** The real one has been closed. */
  void closed(StorySequence sequence) {
    require(sequence.real.isClosed(), "still open", sequence);
    shorten(sequence, 0);
    sequence.promise.leave(sequence.away);
    sequence.entered.ifPresent(group -> group.members.remove(sequence));
    sequence.away = false;
    sequences.remove(sequence);
  }

  /** Draws from another promise from now on; suspended ones were resumed. */
  void draws(StorySequence sequence, StoryPromise promise) {
    promise.join();
    sequence.promise.leave(sequence.away);
    sequence.promise = promise;
  }

  /** Tokens were committed; whatever the real one publishes by itself. */
  void committed(StorySequence sequence, int newLength) {
    if (sequence.tokens.isPresent()) {
      if (!sequence.orphan) {
        counts.computedTokens += Math.max(0, newLength - sequence.lengthCounted);
      }
      sequence.lengthCounted = newLength;
      if (sequence.options.write()) {
        publish(sequence, sequence.told, newLength, sequence.options);
      }
    }
  }

  int publish(StorySequence sequence, Tokens told, int length, OpenOptions options) {
    return shelves.publish(sequence, told, length, options, epoch);
  }

  /** Writes the rows of some histories in all layers. */
  void write(Step step, long[] histories) {
    sequences.stream().filter(s -> s.busy).forEach(s -> faults.begun(s.real, s.tokens));
    for (int layer = 0; layer < shape.numLayers(); layer++) {
      step.write(
          layer,
          Rows.of(content.keys(layer, histories)),
          Rows.of(content.values(layer, histories)));
    }
  }

  /** A promise that the real cache has made, and for which there is room. */
  StoryPromise promised(BlockReservation real, int numBlocksPromised) {
    pool.promise(numBlocksPromised);
    StoryPromise promise = new StoryPromise(pool, Optional.of(real), numBlocksPromised);
    promises.add(promise);
    return promise;
  }

  void closePromises() {
    promises.forEach(promise -> {
      promise.real.ifPresent(BlockReservation::close);
      promise.close();
    });
    promises.clear();
  }

  /** Time passes. */
  void advance(long byNanos) {
    nanos.addAndGet(byNanos);
    pool.endPins();
    var _ = cache.statistics(); // has the real one look at its clock now
  }

  // Comparisons.

  void check() {
    numChecks++;
    CacheStatistics statistics = cache.statistics();
    if (compared == Compared.EVERYTHING) {
      checkCounters(statistics);
    }
    if (numChecks % FULL_CHECK_EVERY == 0) {
      checkAll();
    } else if (!sequences.isEmpty()) {
      StorySequence some = sequences.get(random.nextInt(sequences.size()));
      check(some, Math.max(0, some.length() - random.nextInt(4 * blockSize)));
    }
    if (!shelves.all.isEmpty() && numChecks % 4 == 0) {
      check(List.copyOf(shelves.all.values()).get(random.nextInt(shelves.all.size())));
    }
  }

  private void checkAll() {
    sequences.forEach(sequence -> check(sequence, 0));
    shelves.all.values().forEach(this::check);
    tiers.requireTold(shelves.all.keySet());
    tiers.checkAll();
    require(files.numSwapFiles() >= folder.numGroups(), "files of groups", folder);
  }

  private void checkCounters(CacheStatistics statistics) {
    BlockStatistics real = statistics.blocks();
    require(
        real.numFree() == pool.numFree
            && real.numReserved() == pool.numReserved
            && real.numReclaimable() == pool.idle.size()
            && real.numIdle() == pool.idle.size() + pool.pinnedIdle.size()
            && real.numInFlight() == 0
            && real.numReferences() == pool.numReferences,
        "blocks",
        real,
        pool);
    require(
        real.numAllocations() == pool.numAllocations
            && real.numReclaimed() == pool.numReclaimed
            && real.numRefusals() == pool.numRefusals,
        "counters of blocks",
        real,
        pool);
    require(
        statistics.numSequences() == sequences.size()
            && statistics.numForks() == counts.forks
            && statistics.numBlockCopies() == counts.copies
            && statistics.numStepsCommitted() == counts.commits
            && statistics.numStepsRolledBack() == counts.rollbacks,
        "counters of the cache",
        statistics,
        sequences.size(),
        counts);
    checkLevel(real);
    if (depth == 0) {
      tiers.check(outcomes, !restarting && numChecks % 4 == 0);
    }
    if (numChecks % 16 == 0) {
      checkPrefixes();
    }
    if (depth == 0 && numChecks % 32 == 0) {
      cache.checkConservation();
      prefixes.checkConservation();
      space.checkConservation();
      tiers.checkConservation();
    }
  }

  /** Between the marks either level is right, depending on what came before. */
  private void checkLevel(BlockStatistics real) {
    double taken = (double) (real.numBlocks() - real.numAvailable()) / real.numBlocks();
    require(
        taken >= marks.high()
            ? level == Watermarks.Level.HIGH
            : taken > marks.low() || level == Watermarks.Level.LOW,
        "watermark level",
        level,
        taken,
        marks);
  }

  private void checkPrefixes() {
    PrefixStatistics real = prefixes.statistics();
    require(
        real.numBlocks() == shelves.all.size(),
        "shareable blocks",
        real.numBlocks(),
        shelves.all.size());
    require(
        real.numRequests() == counts.requests
            && real.promptTokens() == counts.promptTokens
            && real.cachedTokens() == counts.cachedTokens
            && real.returnedTokens() == counts.returnedTokens
            && real.loadedTokens() == counts.loadedTokens
            && real.headTokens() == counts.headTokens
            && real.computedTokens() == counts.computedTokens
            && real.publishedTokens() == shelves.numPublished * blockSize,
        "counters of requests",
        real,
        counts);
    require(
        real.numDuplicates() == shelves.numDuplicates
            && real.numQuotaRefusals() == shelves.numQuotaRefusals
            && removals(real, RemovalReason.POOL_NEEDED_A_BLOCK) == counts.evicted
            && removals(real, RemovalReason.QUOTA) == shelves.numQuotaRemovals
            && removals(real, RemovalReason.REMOVED) == counts.removed
            && removals(real, RemovalReason.CLEARED) == counts.cleared
            && Stream.of(MissReason.values())
                .allMatch(reason ->
                    real.misses().get(reason).equals(counts.misses.getOrDefault(reason, 0L))),
        "counters of blocks that are shareable",
        real,
        shelves.numDuplicates,
        counts);
    require(
        quota.isEmpty() || prefixes.numBlocksOf("anna") == shelves.numOfAnna(), "quota", prefixes);
  }

  private static long removals(PrefixStatistics real, RemovalReason reason) {
    return real.removals().getOrDefault(reason, 0L);
  }

  void check(StorySequence sequence, int first) {
    if (sequence.away) {
      require(
          sequence.real.numBlocksHere() == sequence.blocks.size(),
          "blocks kept",
          sequence.real.numBlocksHere(),
          sequence);
      return;
    }
    int[] ids = sequence.real.blockIds();
    require(ids.length == sequence.blocks.size(), "block table", ids.length, sequence);
    for (int i = 0; i < ids.length; i++) {
      pool.requireId(sequence.blocks.get(i), ids[i], sequence);
    }
    if (!sequence.busy) {
      require(sequence.real.length() == sequence.length(), "length", sequence.real, sequence);
      requireContent(ids, sequence.ids.histories(), first, sequence);
    }
  }

  void requireContent(int[] blockIds, long[] histories, int first, Object what) {
    copies.read(cache, memory, blockIds);
    String difference = content.difference(memory, blockIds, histories, first);
    require(difference.isEmpty(), "content", difference, what);
  }

  /** Opens a prompt, computes what is not cached, and compares every slot with the prompt. */
  void readBack() {
    String tenant = tenant();
    int[] prompt = prompt();
    long[] histories = tokens(tenant, prompt).histories();
    OpenOptions options = OpenOptions.DEFAULT.withoutRoom();
    try (TokenSequence tokens = prefixes.open(prompt, namespace(tenant), options);
        Step step = cache.newStep()) {
      if (tokens.numMissing() > 0
          && blocksFor(tokens.numMissing()) < cache.statistics().blocks().numAvailable()) {
        int from = tokens.length();
        step.append(tokens.sequence(), tokens.numMissing()).begin();
        write(step, Arrays.copyOfRange(histories, from, histories.length));
        step.commit();
      }
      long[] there = Arrays.copyOf(histories, tokens.length());
      requireContent(tokens.sequence().blockIds(), there, 0, tokens);
    }
  }

  /** A shareable block holds what it is shared as, in use or not. */
  private void check(Shelf shelf) {
    if (shelf.block.id >= 0) {
      requireContent(new int[] {shelf.block.id}, shelf.histories, 0, "a shareable block");
      int[] said = prefixes.explain(shelf.block.id).block().tokenIds();
      require(Arrays.equals(said, shelf.ids), "explained block", Arrays.toString(said));
    }
  }

  /** Told lazily, since it nearly always holds. */
  static void require(boolean holds, String what, Object... actual) {
    if (!holds) {
      throw new AssertionError("cache and reference disagree: " + what + "=" + List.of(actual));
    }
  }

  /** Runs what must be refused for want of blocks. */
  OutOfBlocksException requireRefused(Runnable call) {
    try {
      call.run();
    } catch (OutOfBlocksException expected) {
      return expected;
    }
    throw new AssertionError("cache and reference disagree: refused=false");
  }

  void requireShortage(OutOfBlocksException refused) {
    require(
        compared != Compared.EVERYTHING
            || (refused.free() == pool.numUnreserved()
                && refused.reclaimable() == pool.numReclaimable()),
        "refusal",
        refused.getMessage(),
        pool);
  }

  /** Everything is closed and every block is free. Nothing is away. */
  void end() {
    disarm();
    closePromises();
    boolean all = random.nextBoolean();
    sequences.forEach(sequence -> check(sequence, 0));
    if (!all) {
      List.copyOf(sequences).forEach(this::close);
      check();
      cache.checkConservation();
    }
    store.close();
    folder.close();
    space.close();
    prefixes.close();
    closeTiers();
    require(files.numOpen() == 0, "open files", files.numOpen());
    if (all) {
      cache.closeAll();
      sequences.forEach(sequence -> require(sequence.real.isClosed(), "still open", sequence));
      sequences.clear();
    } else {
      require(cache.statistics().blocks().numFree() == numBlocks, "free at the end", cache);
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
