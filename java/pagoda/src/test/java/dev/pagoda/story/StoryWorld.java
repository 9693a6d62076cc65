package dev.pagoda.story;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.TokenContent;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.TokenSequence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A small cache with a prefix cache, and beside it what both should be, in the plainest way: blocks
 * with owners, a list of idle ones, a map of shareable ones by what they contain.
 *
 * <p>Every slot holds numbers computed from its layer, head, and the history of its token, which
 * begins with the tenant: any mix-up of blocks, tenants or prefixes is seen by reading memory.
 */
final class StoryWorld implements AutoCloseable {
  /** Tenants, some of which have an adapter, or one that is called like a tenant. */
  static final Map<String, Namespace> TENANTS =
      Map.of(
          "anna", Namespace.of("anna"),
          "bert", Namespace.of("bert"),
          "anna with adapter", Namespace.of("anna").withAdapter("lora"),
          "adapter anna", Namespace.COMMON.withAdapter("anna"));

  private static final List<String> TENANT_NAMES = TENANTS.keySet().stream().sorted().toList();

  private static final int SEQUENCES_MAX = 12;

  final KvShape shape;
  final int blockSize;
  final int numBlocks;
  final boolean headHits;
  final Optional<Integer> quota; // anna's
  final PagedKvCache cache;
  final PrefixCache prefixes;
  final AtomicLong nanos = new AtomicLong(1);
  final List<StorySequence> sequences = new ArrayList<>();
  final Map<Long, Shelf> shelves = new LinkedHashMap<>();

  /** Idle blocks in the order in which they became so, and those that are pinned. */
  final List<StoryBlock> idle = new ArrayList<>();

  final List<StoryBlock> pinnedIdle = new ArrayList<>();

  /** Prompts that were used, to begin others with. */
  final List<int[]> prompts = new ArrayList<>();

  SplittableRandom random = new SplittableRandom(0);
  int depth; // operations inside an open step
  long epoch;
  int numFree;

  private final Arena arena = Arena.ofConfined();
  private final TokenContent content;
  private final HostStorage memory;
  private final PrefixStories.Faults faults;
  private int numChecks;

  StoryWorld(long seed, PrefixStories.Faults faults) {
    SplittableRandom choice = new SplittableRandom(seed);
    numBlocks = choice.nextInt(4, 1 << choice.nextInt(4, 7));
    numFree = numBlocks;
    blockSize = choice.nextInt(1, 6);
    headHits = choice.nextInt(4) > 0;
    quota = choice.nextInt(4) == 0 ? Optional.of(choice.nextInt(numBlocks)) : Optional.empty();
    shape =
        new KvShape(
            List.of(
                new LayerShape(1, 2, 1, DType.FP32, DType.FP32),
                new LayerShape(2, 1, 2, DType.FP32, DType.BF16)),
            blockSize);
    long bytes;
    try (PagedKvCache probe = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(1))) {
      bytes = probe.layout().poolBytes(numBlocks);
    }
    MemorySegment segment = arena.allocate(bytes, 64);
    Checks checks = choice.nextInt(4) == 0 ? Checks.DEBUG : Checks.STANDARD;
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.within(segment), checks);
    memory = HostStorage.over(cache.layout(), segment);
    content = new TokenContent(cache.layout());
    this.faults = faults;
    prefixes = PrefixStories.open(cache, headHits, quota, nanos::get, faults);
  }

  // Choices.

  boolean roomForMore() {
    return sequences.size() < SEQUENCES_MAX;
  }

  Optional<StorySequence> anyIdle() {
    List<StorySequence> idleOnes = idleSequences();
    return idleOnes.isEmpty()
        ? Optional.empty()
        : Optional.of(idleOnes.get(random.nextInt(idleOnes.size())));
  }

  List<StorySequence> idleSequences() {
    return sequences.stream().filter(s -> !s.busy).toList();
  }

  String tenant() {
    return TENANT_NAMES.get(random.nextInt(TENANT_NAMES.size()));
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

  // The reference: blocks.

  int blocksFor(int numTokens) {
    return (numTokens + blockSize - 1) / blockSize;
  }

  int numReclaimable() {
    return idle.size();
  }

  boolean hasRoomFor(int count) {
    return count <= numFree + numReclaimable();
  }

  List<StoryBlock> take(int count) {
    List<StoryBlock> taken = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      if (numFree == 0) {
        StoryBlock victim = victim(idle);
        idle.remove(victim);
        unshelve(victim.shelf);
        numFree++;
      }
      numFree--;
      StoryBlock block = new StoryBlock();
      block.owners = 1;
      taken.add(block);
    }
    return taken;
  }

  private static StoryBlock victim(List<StoryBlock> candidates) {
    StoryBlock victim = candidates.getFirst();
    for (StoryBlock block : candidates) {
      if (block.shelf.priority < victim.shelf.priority) {
        victim = block;
      }
    }
    return victim;
  }

  void retain(StoryBlock block) {
    if (block.owners == 0) {
      idle.remove(block);
      pinnedIdle.remove(block);
    }
    block.owners++;
  }

  void release(StoryBlock block) {
    block.owners--;
    if (block.owners == 0) {
      if (block.shelf == Shelf.NONE) {
        numFree++;
      } else {
        (block.shelf.pinnedUntil > nanos.get() ? pinnedIdle : idle).add(block);
      }
    }
  }

  /** Last one first, as sequences do. */
  void releaseFrom(List<StoryBlock> blocks, int from) {
    for (int i = blocks.size() - 1; i >= from; i--) {
      release(blocks.remove(i));
    }
  }

  boolean isWritable(StoryBlock block) {
    return block.owners == 1 && block.shelf == Shelf.NONE;
  }

  // The reference: what is shared.

  void unshelve(Shelf shelf) {
    shelf.live = false;
    shelf.block.shelf = Shelf.NONE;
    shelves.remove(shelf.history());
  }

  /** As removal by name does: an idle block becomes free. */
  void unshelveAndFree(Shelf shelf) {
    boolean wasIdle = idle.remove(shelf.block) || pinnedIdle.remove(shelf.block);
    unshelve(shelf);
    numFree += wasIdle ? 1 : 0;
  }

  long historyBefore(String tenant) {
    return TokenContent.follow(0, tenant.hashCode());
  }

  long[] histories(String tenant, List<Integer> ids) {
    long[] histories = new long[ids.size()];
    long history = historyBefore(tenant);
    for (int i = 0; i < histories.length; i++) {
      history = TokenContent.follow(history, ids.get(i));
      histories[i] = history;
    }
    return histories;
  }

  /** Shelves of the first full blocks of some tokens, as long as there is one. */
  List<Shelf> find(String tenant, int[] ids, int numUsable) {
    long[] histories = histories(tenant, Arrays.stream(ids).boxed().toList());
    List<Shelf> found = new ArrayList<>();
    while ((found.size() + 1) * blockSize <= numUsable) {
      Shelf shelf = shelves.get(histories[(found.size() + 1) * blockSize - 1]);
      if (shelf == null) {
        break;
      }
      found.add(shelf);
    }
    return found;
  }

  /** A block whose first tokens are the next ones. */
  record Head(Shelf shelf, int numTokens) {}

  Head findHead(String tenant, int[] ids, int from, int to) {
    int[] wanted = Arrays.copyOfRange(ids, from, Math.min(to, from + blockSize));
    long[] before = histories(tenant, Arrays.stream(ids).limit(from).boxed().toList());
    long parent = from == 0 ? historyBefore(tenant) : before[from - 1];
    Head below = new Head(Shelf.NONE, 0);
    Head above = new Head(Shelf.NONE, 0);
    if (!headHits || wanted.length == 0) {
      return below;
    }
    for (Shelf shelf : shelves.values()) {
      long its =
          shelf.histories.length == blockSize
              ? historyBefore(shelf.tenant)
              : shelf.histories[shelf.histories.length - blockSize - 1];
      if (its != parent) {
        continue;
      }
      int differs = Arrays.mismatch(wanted, shelf.ids);
      Head head = new Head(shelf, differs < 0 ? wanted.length : differs);
      int order = Arrays.compare(shelf.ids, wanted);
      if (order <= 0
          && (below.shelf == Shelf.NONE || Arrays.compare(shelf.ids, below.shelf.ids) > 0)) {
        below = head;
      }
      if (order >= 0
          && (above.shelf == Shelf.NONE || Arrays.compare(shelf.ids, above.shelf.ids) < 0)) {
        above = head;
      }
    }
    Head best = below.numTokens > above.numTokens ? below : above;
    return best.numTokens == 0 ? new Head(Shelf.NONE, 0) : best;
  }

  void raise(Shelf shelf, OpenOptions options) {
    shelf.priority = Math.max(shelf.priority, options.retention().priority());
    pin(shelf, options.retention().pin().toNanos());
  }

  void pin(Shelf shelf, long pinNanos) {
    if (pinNanos > 0) {
      shelf.pinnedUntil = Math.max(shelf.pinnedUntil, nanos.get() + pinNanos);
    }
  }

  /** Makes full blocks whose ids were told shareable. */
  void publish(StorySequence sequence, List<Integer> told, OpenOptions options) {
    int numFull = Math.min(told.size(), sequence.length()) / blockSize;
    int first = 0;
    while (first < Math.min(numFull, sequence.chain.size()) && sequence.chain.get(first).live) {
      first++;
    }
    if (sequence.epoch != epoch || first >= numFull) {
      return;
    }
    sequence.chain.subList(first, sequence.chain.size()).clear();
    // The real one holds references meanwhile, which keeps duplicates apart from victims.
    List<StoryBlock> held = List.copyOf(sequence.blocks.subList(first, numFull));
    held.forEach(this::retain);
    long[] histories = histories(sequence.tenant, told);
    for (int i = first; i < numFull; i++) {
      Optional<Shelf> shelf = shelve(sequence, histories, i, told, options);
      if (shelf.isEmpty()) {
        break;
      }
      sequence.chain.add(shelf.get());
    }
    held.reversed().forEach(this::release);
  }

  private Optional<Shelf> shelve(
      StorySequence sequence,
      long[] histories,
      int index,
      List<Integer> told,
      OpenOptions options) {
    int end = (index + 1) * blockSize;
    Shelf there = shelves.get(histories[end - 1]);
    if (there != null) {
      retain(there.block);
      raise(there, options);
      release(there.block);
      return Optional.of(there);
    }
    StoryBlock block = sequence.blocks.get(index);
    if (block.shelf != Shelf.NONE || !makeRoomFor(sequence.tenant)) {
      return Optional.empty();
    }
    int[] ids = told.subList(end - blockSize, end).stream().mapToInt(t -> t).toArray();
    Shelf shelf = new Shelf(sequence.tenant, Arrays.copyOf(histories, end), ids, block);
    raise(shelf, options);
    block.shelf = shelf;
    shelves.put(shelf.history(), shelf);
    return Optional.of(shelf);
  }

  private boolean makeRoomFor(String tenant) {
    if (quota.isEmpty() || !isAnnas(tenant)) {
      return true;
    }
    while (shelves.values().stream().filter(s -> isAnnas(s.tenant)).count() >= quota.get()) {
      List<StoryBlock> its = idle.stream().filter(b -> isAnnas(b.shelf.tenant)).toList();
      if (its.isEmpty()) {
        return false;
      }
      unshelveAndFree(victim(its).shelf);
    }
    return true;
  }

  private boolean isAnnas(String tenant) {
    return namespace(tenant).name().equals("anna");
  }

  /** Time passes; pins end in the order in which their blocks became idle. */
  void advance(long byNanos) {
    nanos.addAndGet(byNanos);
    for (StoryBlock block : List.copyOf(pinnedIdle)) {
      if (block.shelf.pinnedUntil <= nanos.get()) {
        pinnedIdle.remove(block);
        idle.add(block);
      }
    }
    var _ = cache.statistics(); // has the real one look at its clock now
  }

  // Sequences.

  StorySequence add(
      KvSequence real, Optional<TokenSequence> tokens, String tenant, OpenOptions options) {
    faults.opened(real);
    StorySequence sequence = new StorySequence(real, tokens, tenant, options);
    sequence.epoch = epoch;
    sequences.add(sequence);
    return sequence;
  }

  void close(StorySequence sequence) {
    sequence.tokens.ifPresentOrElse(TokenSequence::close, sequence.real::close);
    releaseFrom(sequence.blocks, 0);
    sequences.remove(sequence);
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

  Namespace namespace(String tenant) {
    return Objects.requireNonNull(TENANTS.get(tenant));
  }

  // Comparisons.

  void check() {
    BlockStatistics real = cache.statistics().blocks();
    require(real.numFree() == numFree, "free blocks", real + " instead of " + numFree);
    require(
        real.numReclaimable() == idle.size()
            && real.numIdle() == idle.size() + pinnedIdle.size()
            && real.numInFlight() == 0,
        "idle blocks",
        real + " instead of " + idle.size() + ", pinned " + pinnedIdle.size());
    require(
        prefixes.statistics().numBlocks() == shelves.size(),
        "shareable blocks",
        prefixes.statistics().numBlocks() + " instead of " + shelves.size());
    numChecks++;
    if (depth == 0 && numChecks % 16 == 0) {
      cache.checkConservation();
      prefixes.checkConservation();
    }
    if (numChecks % 128 == 0) {
      sequences.forEach(sequence -> check(sequence, 0));
    } else if (!sequences.isEmpty()) {
      StorySequence some = sequences.get(random.nextInt(sequences.size()));
      check(some, Math.max(0, some.length() - random.nextInt(4 * blockSize)));
    }
    if (!shelves.isEmpty()) {
      check(List.copyOf(shelves.values()).get(random.nextInt(shelves.size())));
    }
  }

  void check(StorySequence sequence, int first) {
    int[] ids = sequence.real.blockIds();
    require(ids.length == sequence.blocks.size(), "block table of " + sequence, ids.length);
    for (int i = 0; i < ids.length; i++) {
      StoryBlock block = sequence.blocks.get(i);
      if (block.id < 0) {
        block.id = ids[i];
      }
      require(block.id == ids[i], "block table of " + sequence + " at " + i, ids[i]);
    }
    if (!sequence.busy) {
      require(sequence.real.length() == sequence.length(), "length of " + sequence, ids.length);
      long[] histories = histories(sequence.tenant, sequence.ids);
      String difference = content.difference(memory, ids, histories, first);
      require(difference.isEmpty(), "content of " + sequence, difference);
    }
  }

  /** Opens a prompt, computes what is not cached, and compares every slot with the prompt. */
  void readBack() {
    String tenant = tenant();
    int[] prompt = prompt();
    long[] histories = histories(tenant, Arrays.stream(prompt).boxed().toList());
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
      String difference = content.difference(memory, tokens.sequence().blockIds(), there, 0);
      require(difference.isEmpty(), "content of " + tokens, difference);
    }
  }

  /** A shareable block holds what it is shared as, in use or not. */
  private void check(Shelf shelf) {
    if (shelf.block.id >= 0) {
      int[] ids = new int[shelf.histories.length / blockSize];
      Arrays.fill(ids, shelf.block.id);
      int first = shelf.histories.length - blockSize;
      String difference = content.difference(memory, ids, shelf.histories, first);
      require(difference.isEmpty(), "content of a shareable block", difference);
      int[] said = prefixes.explain(shelf.block.id).block().tokenIds();
      require(Arrays.equals(said, shelf.ids), "explained block", Arrays.toString(said));
    }
  }

  static void require(boolean holds, String what, Object actual) {
    if (!holds) {
      throw new AssertionError("cache and reference disagree: " + what + "=" + actual);
    }
  }

  /** Everything is closed and every block is free. */
  void end() {
    for (StorySequence sequence : List.copyOf(sequences)) {
      check(sequence, 0);
      close(sequence);
    }
    check();
    cache.checkConservation();
    prefixes.close();
    require(cache.statistics().blocks().numFree() == numBlocks, "free at the end", cache);
    cache.close();
  }

  @Override
  public void close() {
    arena.close();
  }

  @Override
  public String toString() {
    return "numBlocks="
        + numBlocks
        + ", blockSize="
        + blockSize
        + ", headHits="
        + headHits
        + ", quota="
        + quota;
  }
}
