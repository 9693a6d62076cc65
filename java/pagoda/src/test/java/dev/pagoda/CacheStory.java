package dev.pagoda;

import static dev.pagoda.Refusals.refused;

import dev.pagoda.CacheModel.Block;
import dev.pagoda.CacheModel.Entry;
import dev.pagoda.CacheModel.OpenStep;
import dev.pagoda.CacheModel.Sequence;
import dev.pagoda.CacheModel.State;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A small cache and its {@link CacheModel}, led through a list of operations and compared after
 * each of them: statistics, block tables, and the content of sampled slots, read straight from
 * memory.
 */
final class CacheStory {
  /** What the cache is built on: the real thing, or something with a fault planted in it. */
  interface Surroundings {
    Surroundings REAL = new Surroundings() {};

    default KvStorage storage(HostStorage host) {
      return host;
    }

    default Kernels kernels() {
      return new ScalarKernels();
    }

    /** Whether counters are compared, besides block tables and contents. */
    default boolean comparesCounters() {
      return true;
    }

    /** Called before each operation. */
    default void disturb(PagedKvCache cache, int operation) {}
  }

  /** The cache and its model disagree. */
  static final class Failure extends AssertionError {
    private static final long serialVersionUID = 1L;

    final int operation;

    Failure(int operation, Throwable cause) {
      super(cause.toString(), cause);
      this.operation = operation;
    }
  }

  private record Parked(CacheModel.Parking model, ParkedGroup real, HostStorage swap) {}

  private static final int SEQUENCES_MAX = 14;
  private static final int STEPS_MAX = 3;
  private static final int PARKINGS_MAX = 4;
  private static final int CONTENT_WINDOW = 24;

  private final KvShape shape;
  private final Checks checks;
  private final HostStorage host;
  private final PagedKvCache cache;
  private final CacheModel model;
  private final TokenContent content;
  private final CacheMisuse misuse;
  private final Surroundings surroundings;
  private final boolean endsWithCloseAll;

  private final List<Step> idleSteps = new ArrayList<>();
  private final List<HostStorage> idleSwaps = new ArrayList<>();
  private final List<Parked> parkings = new ArrayList<>();
  private final List<String> trace = new ArrayList<>();
  private SplittableRandom random = new SplittableRandom(0);
  private boolean tracing;

  CacheStory(long seed, Surroundings surroundings) {
    this.surroundings = surroundings;
    SplittableRandom choice = new SplittableRandom(seed);
    int numBlocks = choice.nextInt(4, 1 << choice.nextInt(3, 8)) + 1; // up to 128, small ones often
    shape = randomShape(choice);
    checks = choice.nextInt(4) == 0 ? Checks.DEBUG : Checks.STANDARD;
    endsWithCloseAll = choice.nextBoolean();
    Kernels kernels = surroundings.kernels();
    KvLayout layout = new KvLayout(shape, kernels.keyOrder());
    host = HostStorage.allocate(layout, numBlocks);
    cache = new PagedKvCache(Backend.SCALAR, kernels, surroundings.storage(host), checks);
    model = new CacheModel(numBlocks, shape.blockSize());
    content = new TokenContent(layout);
    misuse = new CacheMisuse(cache, model);
    for (int i = 0; i < STEPS_MAX; i++) {
      idleSteps.add(cache.newStep());
    }
    for (int i = 0; i < PARKINGS_MAX; i++) {
      idleSwaps.add(HostStorage.allocate(layout, numBlocks));
    }
  }

  private static KvShape randomShape(SplittableRandom choice) {
    DType[] dtypes = DType.values();
    List<LayerShape> layers = new ArrayList<>();
    int numLayers = choice.nextInt(1, 3);
    for (int i = 0; i < numLayers; i++) {
      layers.add(
          new LayerShape(
              choice.nextInt(1, 3),
              choice.nextInt(1, 5),
              choice.nextInt(1, 5),
              dtypes[choice.nextInt(3)],
              dtypes[choice.nextInt(3)]));
    }
    return new KvShape(layers, choice.nextInt(1, 17));
  }

  @Override
  public String toString() {
    return "numBlocks=" + model.numBlocks + ", checks=" + checks + ", " + shape;
  }

  /** Does all operations, then closes everything and finds every block free. */
  void play(List<CacheOperation> script) {
    int operation = 0;
    try {
      for (; operation < script.size(); operation++) {
        surroundings.disturb(cache, operation);
        perform(script.get(operation));
        compare(operation);
      }
      end();
    } catch (RuntimeException | AssertionError failure) {
      throw new Failure(operation, failure);
    } finally {
      free();
    }
  }

  /** The same, and what each operation did. */
  List<String> tell(List<CacheOperation> script) {
    tracing = true;
    try {
      play(script);
    } catch (Failure failure) {
      trace.add("-> " + failure.getMessage());
    }
    return trace;
  }

  private void perform(CacheOperation operation) {
    random = new SplittableRandom(operation.seed());
    switch (operation.kind()) {
      case NEW -> open();
      case STEP -> step(false);
      case OPEN_STEP -> step(true);
      case FINISH_STEP -> finishSome();
      case FORK -> fork(false);
      case FORK_EARLIER -> fork(true);
      case TRUNCATE -> truncate();
      case CLOSE -> closeSome();
      case PARK -> park();
      case UNPARK -> unpark();
      case UNPARK_EMPTY -> unparkEmpty();
      case MISUSE -> say("misuse: " + misuse.commit(random));
    }
  }

  private void say(String what) {
    if (tracing) {
      trace.add(what);
    }
  }

  // Operations.

  private void open() {
    if (model.sequences.size() < SEQUENCES_MAX) {
      int expected = random.nextInt(4 * shape.blockSize());
      Sequence sequence = model.open(cache.newSequence(expected));
      say("open " + sequence);
    }
  }

  private void fork(boolean earlier) {
    List<Sequence> idle = inState(State.IDLE);
    if (idle.isEmpty() || model.sequences.size() >= SEQUENCES_MAX) {
      return;
    }
    Sequence parent = pick(idle);
    int length = earlier ? somePosition(parent.length()) : parent.length();
    KvSequence real = earlier ? parent.real.fork(length) : parent.real.fork();
    Sequence fork = model.fork(parent, length, real);
    say("fork " + parent + " of " + parent.length() + " at " + length + " as " + fork);
  }

  private void truncate() {
    List<Sequence> idle = inState(State.IDLE);
    if (!idle.isEmpty()) {
      Sequence sequence = pick(idle);
      int length = somePosition(sequence.length());
      say("truncate " + sequence + " of " + sequence.length() + " to " + length);
      sequence.real.truncate(length);
      model.truncate(sequence, length);
    }
  }

  private void closeSome() {
    List<Sequence> closable = new ArrayList<>(inState(State.IDLE));
    closable.addAll(inState(State.PARKED));
    if (!closable.isEmpty()) {
      Sequence sequence = pick(closable);
      say("close " + sequence + " of " + sequence.length() + ", " + sequence.state);
      sequence.real.close();
      sequence.real.close(); // allowed, and does nothing
      model.close(sequence);
      misuse.remember(sequence.real);
    }
  }

  private void step(boolean leaveOpen) {
    if (idleSteps.isEmpty()) {
      return;
    }
    List<Sequence> idle = new ArrayList<>(inState(State.IDLE));
    int numEntries = idle.isEmpty() ? 0 : random.nextInt(0, 1 + Math.min(5, idle.size()));
    List<Entry> entries = new ArrayList<>();
    Step real = idleSteps.removeLast();
    for (int i = 0; i < numEntries; i++) {
      Sequence sequence = idle.remove(random.nextInt(idle.size()));
      long[] added = newHistories(sequence);
      entries.add(new Entry(sequence, added));
      real.append(sequence.real, added.length);
    }
    int needed = model.needed(entries);
    String what = describe(entries);
    if (needed > model.numFree()) {
      say("refused step" + what);
      beginRefused(real, needed);
      idleSteps.add(real);
      return;
    }
    real.begin();
    OpenStep step = model.begin(real, entries);
    say("begin" + what);
    entries.forEach(entry -> compareTable(entry.sequence));
    comparePositions(step);
    int numLayers = leaveOpen ? random.nextInt(shape.numLayers() + 1) : shape.numLayers();
    while (step.numLayersWritten < numLayers) {
      write(step);
    }
    if (!leaveOpen) {
      finish(step);
    }
  }

  private static String describe(List<Entry> entries) {
    StringBuilder text = new StringBuilder();
    for (Entry entry : entries) {
      text.append(' ').append(entry.sequence).append(" of ").append(entry.sequence.length());
      text.append(" +").append(entry.added.length);
    }
    return text.toString();
  }

  private void beginRefused(Step real, int needed) {
    int free = model.numFree();
    OutOfBlocksException out = refused(OutOfBlocksException.class, real::begin);
    require(out.free() == free && out.total() == model.numBlocks, "refusal", out.getMessage());
    // More than the whole pool is refused as what growth alone takes, before copies are planned.
    boolean absurd = out.needed() > model.numBlocks;
    require(absurd ? out.needed() <= needed : out.needed() == needed, "refusal", out.getMessage());
    model.countRefusal();
  }

  /** New tokens for a sequence: mostly one, sometimes up to a block boundary or next to it. */
  private long[] newHistories(Sequence sequence) {
    int blockSize = shape.blockSize();
    int toBoundary = blockSize - sequence.length() % blockSize;
    int count =
        switch (random.nextInt(8)) {
          case 0 -> toBoundary - 1;
          case 1 -> toBoundary;
          case 2 -> toBoundary + 1;
          case 3 -> toBoundary + random.nextInt(2 * blockSize);
          default -> 1;
        };
    long[] added = new long[Math.max(1, count)];
    long history = sequence.length() == 0 ? 0 : sequence.histories[sequence.length() - 1];
    for (int i = 0; i < added.length; i++) {
      history = TokenContent.follow(history, random.nextLong());
      added[i] = history;
    }
    return added;
  }

  /** Writes the next layer, all rows at once or row by row in any order. */
  private void write(OpenStep step) {
    int layer = step.numLayersWritten;
    long[] histories = new long[step.real.numTokens()];
    int row = 0;
    for (Entry entry : step.entries) {
      System.arraycopy(entry.added, 0, histories, row, entry.added.length);
      row += entry.added.length;
    }
    Rows keys = rows(content.keys(layer, histories));
    Rows values = rows(content.values(layer, histories));
    if (random.nextInt(4) > 0) {
      step.real.write(layer, keys, values);
    } else {
      int first = histories.length == 0 ? 0 : random.nextInt(histories.length);
      for (int i = 0; i < histories.length; i++) {
        step.real.writeToken(layer, (first + i) % histories.length, keys, values);
      }
    }
    step.numLayersWritten++;
  }

  private Rows rows(float[] numbers) {
    return random.nextInt(4) > 0
        ? Rows.of(numbers)
        : Rows.of(MemorySegment.ofArray(numbers), DType.FP32);
  }

  private void finishSome() {
    if (!model.steps.isEmpty()) {
      finish(model.steps.get(random.nextInt(model.steps.size())));
    }
  }

  private void finish(OpenStep step) {
    int ending = random.nextInt(10);
    if (ending < 7) {
      int numTokens = step.real.numTokens();
      if (step.numLayersWritten < shape.numLayers() && numTokens > 0) {
        refused(IllegalStateException.class, step.real::commit);
      }
      while (step.numLayersWritten < shape.numLayers()) {
        write(step);
      }
      say("commit" + describe(step.entries));
      step.real.commit();
      model.commit(step);
    } else {
      say("roll back" + describe(step.entries));
      if (ending < 9) {
        step.real.rollback();
      } else {
        step.real.close();
      }
      model.rollback(step);
    }
    idleSteps.add(step.real);
    for (Entry entry : step.entries) {
      compareTable(entry.sequence);
      compareContent(entry.sequence, 0);
    }
  }

  // Parking.

  private void park() {
    List<Sequence> idle = new ArrayList<>(inState(State.IDLE));
    if (idle.isEmpty() || idleSwaps.isEmpty()) {
      return;
    }
    List<Sequence> group = new ArrayList<>();
    int count = random.nextInt(1, 1 + Math.min(3, idle.size()));
    for (int i = 0; i < count; i++) {
      group.add(idle.remove(random.nextInt(idle.size())));
    }
    List<KvSequence> real = group.stream().map(s -> s.real).toList();
    int[] expected =
        group.stream().flatMap(s -> s.blocks.stream()).distinct().mapToInt(b -> b.id).toArray();
    if (random.nextInt(4) == 0) {
      say("park in vain " + group);
      refused(ArithmeticException.class, () -> cache.park(real, failingMover(expected)));
      return;
    }
    say("park " + group);
    HostStorage swap = idleSwaps.removeLast();
    BlockMover out =
        (storage, ids) -> {
          require(Arrays.equals(ids, expected), "blocks to move", Arrays.toString(ids));
          storage.copyOut(ids, swap, numbers(ids.length), ids.length);
        };
    ParkedGroup parked = cache.park(real, out);
    CacheModel.Parking parking = model.park(group);
    require(parked.numBlocks() == expected.length, "parked blocks", parked);
    require(parked.sequences().equals(real), "parked sequences", parked);
    for (int i = 0; i < group.size(); i++) {
      int[] ids = Arrays.stream(parked.blockNumbers(i)).map(n -> expected[n]).toArray();
      int[] was = parking.tables.get(i).stream().mapToInt(b -> b.id).toArray();
      require(Arrays.equals(ids, was), "parked table", Arrays.toString(ids));
    }
    parkings.add(new Parked(parking, parked, swap));
  }

  private static int[] numbers(int count) {
    int[] numbers = new int[count];
    Arrays.setAll(numbers, i -> i);
    return numbers;
  }

  private static BlockMover failingMover(int[] expected) {
    return (storage, ids) -> {
      require(ids.length == expected.length, "blocks to move", Arrays.toString(ids));
      throw new ArithmeticException("planted");
    };
  }

  private void unpark() {
    if (parkings.isEmpty()) {
      return;
    }
    Parked parked = parkings.remove(random.nextInt(parkings.size()));
    List<Block> distinct = parked.model.distinctBlocks();
    if (!parked.model.isWhole()) {
      say("unpark refused, one was closed " + parked.model.sequences);
      refused(IllegalStateException.class, () -> cache.unpark(parked.real, (storage, ids) -> {}));
      abandon(parked);
    } else if (distinct.size() > model.numFree()) {
      say("unpark refused, too few blocks " + parked.model.sequences);
      refused(OutOfBlocksException.class, () -> cache.unpark(parked.real, (storage, ids) -> {}));
      model.countRefusal();
      parkings.add(parked);
    } else if (random.nextInt(4) == 0) {
      say("unpark in vain " + parked.model.sequences);
      int[] expected = new int[distinct.size()];
      refused(ArithmeticException.class, () -> cache.unpark(parked.real, failingMover(expected)));
      model.countTakenInVain(distinct.size());
      parkings.add(parked);
    } else {
      say("unpark " + parked.model.sequences);
      cache.unpark(
          parked.real,
          (storage, ids) -> storage.copyIn(parked.swap, numbers(ids.length), ids, ids.length));
      model.unpark(parked.model);
      for (Sequence sequence : parked.model.sequences) {
        compareTable(sequence);
        compareContent(sequence, 0);
      }
      abandon(parked);
    }
  }

  private void unparkEmpty() {
    if (parkings.isEmpty()) {
      return;
    }
    Parked parked = parkings.remove(random.nextInt(parkings.size()));
    if (parked.model.isWhole()) {
      say("unpark empty " + parked.model.sequences);
      cache.unparkEmpty(parked.real);
      model.unparkEmpty(parked.model);
    } else {
      say("unpark empty refused " + parked.model.sequences);
      refused(IllegalStateException.class, () -> cache.unparkEmpty(parked.real));
    }
    abandon(parked);
  }

  private void abandon(Parked parked) {
    idleSwaps.add(parked.swap);
    misuse.remember(parked.real);
  }

  // Comparisons.

  private void compare(int operation) {
    if (surroundings.comparesCounters()) {
      compareCounters(operation);
    }
    if (operation % 256 == 255) {
      for (Sequence sequence : model.sequences) {
        compareTable(sequence);
        compareContent(sequence, 0);
      }
    } else if (!model.sequences.isEmpty()) {
      Sequence sequence = pick(model.sequences);
      compareTable(sequence);
      compareContent(sequence, Math.max(0, sequence.length() - random.nextInt(CONTENT_WINDOW)));
    }
    if (checks == Checks.DEBUG) {
      comparePoison(random.nextInt(model.numBlocks));
    }
  }

  private void compareCounters(int operation) {
    CacheStatistics expected = model.statistics(cache.layout().blockBytes());
    CacheStatistics actual = cache.statistics();
    require(actual.equals(expected), "statistics", actual + " instead of " + expected);
    if (model.steps.isEmpty() && operation % 16 == 0) {
      cache.checkConservation();
    }
  }

  /** Block ids are what they were, and those of new blocks are nobody else's. */
  private void compareTable(Sequence sequence) {
    require(sequence.real.length() == sequence.length(), "length", sequence.real);
    require(
        sequence.real.numBlockCopies() == sequence.numBlockCopies, "block copies", sequence.real);
    require(sequence.real.isClosed() == (sequence.state == State.CLOSED), "closed", sequence.real);
    if (sequence.state == State.PARKED) {
      return;
    }
    int[] ids = sequence.real.blockIds();
    require(ids.length == sequence.blocks.size(), "block table of " + sequence, ids.length);
    for (int i = 0; i < ids.length; i++) {
      Block block = sequence.blocks.get(i);
      if (block.id < 0) {
        require(!usedIds().get(ids[i]), "block that belonged to another, blockId", ids[i]);
        block.id = ids[i];
      }
      require(block.id == ids[i], "block table of " + sequence + " at " + i, ids[i]);
    }
  }

  private BitSet usedIds() {
    BitSet used = new BitSet();
    for (Block block : model.countOwners()) {
      if (block.id >= 0) {
        used.set(block.id);
      }
    }
    return used;
  }

  private void comparePositions(OpenStep step) {
    int row = 0;
    for (Entry entry : step.entries) {
      int last = row + entry.added.length - 1;
      require(step.real.position(row) == entry.sequence.length(), "position of row", row);
      require(step.real.position(last) == entry.newLength() - 1, "position of row", last);
      row = last + 1;
    }
    require(step.real.numTokens() == row, "rows", step.real.numTokens());
  }

  private void compareContent(Sequence sequence, int first) {
    if (sequence.state != State.PARKED && sequence.state != State.CLOSED) {
      String difference =
          content.difference(host, sequence.real.blockIds(), sequence.histories, first);
      require(difference.isEmpty(), "content of " + sequence, difference);
    }
  }

  private void comparePoison(int blockId) {
    if (!usedIds().get(blockId)) {
      require(content.isPoisoned(host, blockId), "free block that is not poisoned", blockId);
    }
  }

  private static void require(boolean holds, String what, Object actual) {
    if (!holds) {
      throw new AssertionError("cache and model disagree: " + what + "=" + actual);
    }
  }

  // The end.

  private void end() {
    for (OpenStep step : List.copyOf(model.steps)) {
      step.real.close();
      model.rollback(step);
    }
    for (Sequence sequence : model.sequences) {
      compareTable(sequence);
      compareContent(sequence, 0);
    }
    cache.checkConservation();
    if (endsWithCloseAll) {
      List<Sequence> open = List.copyOf(model.sequences);
      cache.closeAll();
      open.forEach(sequence -> require(sequence.real.isClosed(), "still open", sequence));
    } else {
      for (Sequence sequence : List.copyOf(model.sequences)) {
        sequence.real.close();
        model.close(sequence);
      }
      compare(0);
      cache.close();
    }
    CacheStatistics last = cache.statistics();
    require(last.blocks().numFree() == model.numBlocks, "free blocks at the end", last);
    require(last.numTokens() == 0 && last.numSequences() == 0, "left at the end", last);
  }

  private void free() {
    misuse.close();
    List<HostStorage> all = new ArrayList<>(idleSwaps);
    parkings.forEach(parked -> all.add(parked.swap));
    all.add(host);
    for (HostStorage storage : all) {
      if (storage.segment().scope().isAlive()) {
        storage.close();
      }
    }
  }

  // Choices.

  private List<Sequence> inState(State state) {
    return model.sequences.stream().filter(s -> s.state == state).toList();
  }

  private Sequence pick(List<Sequence> sequences) {
    return sequences.get(random.nextInt(sequences.size()));
  }

  /** A position in {@code [0, length]}, often at or next to a block boundary. */
  private int somePosition(int length) {
    int any = random.nextInt(length + 1);
    int boundary = any / shape.blockSize() * shape.blockSize() + random.nextInt(-1, 2);
    return random.nextBoolean() ? any : Math.clamp(boundary, 0, length);
  }
}
