package dev.pagoda.heap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.AttentionRows;
import dev.pagoda.CacheStatistics;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * A cache in a JVM whose heap is full at one allocation, and the rule: the call that meets it has
 * changed nothing, lost nothing, and succeeds when it is tried again.
 */
final class HeapTrial implements AutoCloseable {
  static final int BLOCK_SIZE = 4;
  private static final AttentionSpec SPEC = AttentionSpec.causal(2, 0.5f);

  final ReadableCache memory;
  final PagedKvCache cache;

  /** What attention gave, row after row: the same bits in every run. */
  final List<String> transcript = new ArrayList<>();

  private final Map<String, Supplier<Object>> watched = new LinkedHashMap<>();
  private final List<Runnable> audits = new ArrayList<>();
  private final List<KvSequence> sequences = new ArrayList<>();
  private final Deque<Runnable> closing = new ArrayDeque<>();
  private boolean isStepUnderWay;

  HeapTrial(int numBlocks) {
    memory = ReadableCache.open(BLOCK_SIZE, numBlocks);
    cache = memory.cache();
    audits.add(() -> {
      if (!isStepUnderWay) {
        cache.checkConservation();
      }
    });
  }

  /** Something that a failed call leaves as it was. */
  void watch(String name, Supplier<Object> what) {
    watched.put(name, what);
  }

  /** Something that holds after every call. */
  void audit(Runnable audit) {
    audits.add(audit);
  }

  /** Is done at the end, the last one first; the heap has room again by then. */
  void atEnd(Runnable close) {
    closing.addFirst(close);
  }

  /** A sequence that a failed call leaves as it was. */
  KvSequence known(KvSequence sequence) {
    sequences.add(sequence);
    return sequence;
  }

  private Map<String, Object> state() {
    Map<String, Object> state = new LinkedHashMap<>();
    CacheStatistics now = cache.statistics();
    state.put("owned blocks", now.blocks().numUsed());
    state.put("references", now.blocks().numReferences());
    state.put("promised blocks", now.blocks().numReserved());
    state.put("blocks in flight", now.blocks().numInFlight());
    state.put("sequences", now.numSequences());
    state.put("tokens", now.numTokens());
    state.put("commits", now.numStepsCommitted());
    for (KvSequence sequence : sequences) {
      String name = sequence.toString();
      state.put(name, sequence.numBlocksHere());
      if (sequence.isIdle()) {
        state.put(name + " table", Arrays.toString(sequence.blockIds()));
        state.put(name + " content", Arrays.toString(memory.tokensOf(sequence)));
        state.put(name + " reservation", sequence.reservation().toString());
      }
    }
    watched.forEach((name, what) -> state.put(name, what.get()));
    return state;
  }

  private static void requireSame(
      Map<String, Object> before, Map<String, Object> after, Throwable full) {
    Map<String, Object> was = new LinkedHashMap<>(before);
    Map<String, Object> is = new LinkedHashMap<>(after);
    was.entrySet().removeAll(after.entrySet());
    is.entrySet().removeAll(before.entrySet());
    if (!was.isEmpty() || !is.isEmpty()) {
      throw new AssertionError("a call that threw has changed " + was + " to " + is, full);
    }
  }

  <T> T obtain(Supplier<T> call) {
    Map<String, Object> before = state();
    T result;
    HeapFaults.arm();
    try {
      result = call.get();
    } catch (OutOfMemoryError | IllegalArgumentException thrown) {
      HeapFaults.disarm();
      // Storage that cannot be had says so in words of its own.
      Throwable full = thrown instanceof OutOfMemoryError ? thrown : thrown.getCause();
      if (!HeapFaults.isPlanted(full)) {
        throw thrown;
      }
      requireSame(before, state(), full);
      audits.forEach(Runnable::run);
      result = again(call, full);
    } finally {
      HeapFaults.disarm();
    }
    audits.forEach(Runnable::run);
    return result;
  }

  private static <T> T again(Supplier<T> call, Throwable full) {
    try {
      return call.get();
    } catch (RuntimeException | AssertionError refused) {
      throw new AssertionError("what failed for want of memory does not work again", full);
    }
  }

  void attempt(Runnable call) {
    obtain(() -> {
      call.run();
      return call;
    });
  }

  /** Runs a task that must not throw, whatever fails in it, on a thread of its own. */
  void elsewhere(Runnable task) {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread = new Thread(task);
    thread.setUncaughtExceptionHandler((_, cause) -> thrown.set(cause));
    HeapFaults.arm();
    thread.start();
    boolean interrupted = false;
    try {
      thread.join();
    } catch (InterruptedException stop) {
      interrupted = true;
    } finally {
      HeapFaults.disarm();
    }
    if (interrupted || thrown.get() != null) {
      throw new AssertionError("a task has ended its thread", thrown.get());
    }
    audits.forEach(Runnable::run);
  }

  KvSequence open() {
    return known(obtain(() -> cache.newSequence()));
  }

  KvSequence open(int... tokens) {
    KvSequence sequence = open();
    append(sequence, tokens);
    return sequence;
  }

  /** Appends tokens in a step of their own, and writes down what the last of them attends to. */
  void append(KvSequence sequence, int... tokens) {
    try (Step step = cache.newStep()) {
      attempt(() -> step.append(sequence, tokens.length));
      compute(step, () -> step.append(sequence, tokens.length), tokens);
    }
  }

  /**
   * Begins a step, writes and attends in all layers, and commits it.
   *
   * @param plan plans the same step again: a plan whose beginning fails is dropped
   */
  void compute(Step step, Runnable plan, int... tokens) {
    begin(step, plan);
    attempt(() -> memory.write(step, tokens));
    attend(step);
    end(step::commit);
  }

  /** Commits or rolls back. */
  void end(Runnable end) {
    isStepUnderWay = false;
    attempt(end);
  }

  void begin(Step step, Runnable plan) {
    boolean[] isPlanned = {true};
    attempt(() -> {
      if (!isPlanned[0]) {
        plan.run();
      }
      isPlanned[0] = false;
      isStepUnderWay = false;
      step.begin();
      isStepUnderWay = true;
    });
  }

  private void attend(Step step) {
    for (int layer = 0; layer < cache.shape().numLayers(); layer++) {
      LayerShape shape = cache.shape().layer(layer);
      int groupSize = SPEC.numQueryHeads() / shape.numKvHeads();
      int numRows = step.numTokens() * groupSize * shape.numKvHeads();
      float[] queries = new float[numRows * shape.keyHeadDim()];
      for (int i = 0; i < queries.length; i++) {
        queries[i] = Math.floorMod(i % (queries.length / step.numTokens()) * 7 + layer, 11) - 5;
      }
      float[] output = new float[numRows * shape.valueHeadDim()];
      float[] lse = new float[numRows];
      AttentionRows rows = new AttentionRows(Rows.of(queries), Rows.of(output), Rows.of(lse));
      int l = layer;
      attempt(() -> step.attend(l, SPEC, rows, Workers.caller()));
      // Of the last token: how many are computed with it depends on what was found.
      transcript.add(bits(output, step.numTokens()) + bits(lse, step.numTokens()));
    }
  }

  private static String bits(float[] numbers, int numTokens) {
    int[] bits = new int[numbers.length / numTokens];
    int first = numbers.length - bits.length;
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(numbers[first + i]));
    return Arrays.toString(bits);
  }

  /** Nothing leaks. */
  @Override
  public void close() {
    audits.forEach(Runnable::run);
    closing.forEach(Runnable::run);
    sequences.forEach(KvSequence::close);
    CacheStatistics left = cache.statistics();
    assertThat(left.blocks().numUsed()).as("blocks that leak").isZero();
    assertThat(left.blocks().numReserved()).as("promises that leak").isZero();
    assertThat(left.blocks().numInFlight()).as("pins that leak").isZero();
    assertThat(left.numSequences()).as("sequences that leak").isZero();
    memory.close();
  }
}
