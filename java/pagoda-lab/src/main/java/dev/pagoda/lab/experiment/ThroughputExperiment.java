package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.ContiguousBatch;
import dev.pagoda.lab.attention.ContiguousKvStore;
import dev.pagoda.lab.attention.SequenceBatch;
import dev.pagoda.lab.attention.TokenRows;
import dev.pagoda.lab.report.Section;
import dev.pagoda.layout.KvShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** What finding keys and values through block tables costs a decode step. */
final class ThroughputExperiment implements Experiment {
  static final int BLOCK_SIZE = 16;

  static final int LARGEST_BLOCK_SIZE = KvShape.BLOCK_SIZE_MAX;

  private static final int FILL_TOKENS = 512;
  private static final long SMALL_HEAP_BYTES = 2L << 30;

  @Override
  public String title() {
    return "Throughput";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 4 : 35;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return ThroughputSection.of(number, measure(conditions), conditions);
  }

  static ThroughputResult measure(Conditions conditions) {
    int[] batches = conditions.quick() ? new int[] {1, 8, 32} : new int[] {1, 4, 8, 16, 32};
    int[] contexts =
        conditions.quick() ? new int[] {128, 512, 2048} : new int[] {128, 512, 2048, 4096};
    Turns turns = new Turns(conditions.either(2, 5), conditions.either(10, 40) * 1_000_000L);
    List<ThroughputResult.Cell> cells = new ArrayList<>();
    for (int i = 0; i < batches.length; i++) {
      long contextMax = tokensMax(conditions) / batches[i];
      int[] possible = Arrays.stream(contexts).filter(each -> each <= contextMax).toArray();
      Conditions part = conditions.part(0.9 * i / batches.length, 0.9 * (i + 1) / batches.length);
      cells.addAll(compare(batches[i], possible, turns, part));
    }
    return new ThroughputResult(cells, compareVariants(turns, conditions.part(0.9, 1)));
  }

  /** As much as is quick enough, and as fits several times into an ordinary JVM. */
  private static long tokensMax(Conditions conditions) {
    if (conditions.backend() == Backend.SCALAR) {
      return 8192;
    }
    if (conditions.quick()) {
      return 16_384; // 64 MiB a side: still more than caches hold
    }
    return Runtime.getRuntime().maxMemory() < SMALL_HEAP_BYTES ? 32_768 : 131_072;
  }

  static List<ThroughputResult.Cell> compare(
      int batch, int[] contexts, Turns turns, Conditions conditions) {
    int longest = contexts[contexts.length - 1] + DecodeSteps.SPARE_TOKENS;
    List<ThroughputResult.Cell> cells = new ArrayList<>();
    try (PagedRig paged =
            new PagedRig.Plan(conditions.backend(), BLOCK_SIZE, batch, longest)
                .shuffled(Workers.caller(), conditions.seed());
        PagedRig inOrder =
            new PagedRig.Plan(conditions.backend(), BLOCK_SIZE, batch, longest)
                .inOrder(Workers.caller());
        PagedRig largest =
            new PagedRig.Plan(conditions.backend(), LARGEST_BLOCK_SIZE, batch, longest)
                .inOrder(Workers.caller());
        SequenceBatch plain = plainBatch(batch, longest)) {
      List<SequenceBatch> all = List.of(paged.batch(), inOrder.batch(), largest.batch(), plain);
      all.forEach(each -> fill(each, longest - DecodeSteps.SPARE_TOKENS));
      // The longest first: cut back later, a sequence that was one run of memory stays one.
      for (int i = contexts.length - 1; i >= 0; i--) {
        int context = contexts[i];
        all.forEach(each -> each.truncate(context));
        List<DecodeSteps> steps =
            all.stream().map(each -> new DecodeSteps(each, context, conditions.seed())).toList();
        Conditions part =
            conditions.part(1 - (i + 1.0) / contexts.length, 1 - (double) i / contexts.length);
        List<Timing> timings = turns.compare(steps, part.progress());
        steps.forEach(DecodeSteps::cutBack);
        cells.addFirst(
            new ThroughputResult.Cell(
                batch, context, timings.get(0), timings.get(1), timings.get(2), timings.get(3)));
      }
    }
    return cells;
  }

  private static SequenceBatch plainBatch(int batch, int longest) {
    ContiguousKvStore store =
        new ContiguousKvStore(
            NotebookLayer.SHAPE, batch * longest, ContiguousKvStore.Placement.FIRST_FIT);
    return new ContiguousBatch(store, NotebookLayer.ATTENTION, batch, longest);
  }

  /** More threads, and the scalar backend, on one shape. */
  private static List<ThroughputResult.Variant> compareVariants(
      Turns turns, Conditions conditions) {
    int batch = 8;
    int context = conditions.backend() == Backend.SCALAR ? 256 : 1024;
    int numThreads = Runtime.getRuntime().availableProcessors();
    ExecutorService executor = Executors.newFixedThreadPool(Math.max(1, numThreads - 1));
    PagedRig.Plan plan =
        new PagedRig.Plan(
            conditions.backend(), BLOCK_SIZE, batch, context + DecodeSteps.SPARE_TOKENS);
    PagedRig.Plan scalarPlan =
        new PagedRig.Plan(Backend.SCALAR, BLOCK_SIZE, batch, context + DecodeSteps.SPARE_TOKENS);
    try (PagedRig one = plan.shuffled(Workers.caller(), conditions.seed());
        PagedRig several = plan.shuffled(new Workers(executor, numThreads), conditions.seed());
        PagedRig scalar = scalarPlan.shuffled(Workers.caller(), conditions.seed())) {
      List<PagedRig> rigs = List.of(one, several, scalar);
      rigs.forEach(rig -> fill(rig.batch(), context));
      List<DecodeSteps> steps =
          rigs.stream()
              .map(rig -> new DecodeSteps(rig.batch(), context, conditions.seed()))
              .toList();
      List<Timing> timings = turns.compare(steps, conditions.progress());
      String backend = conditions.backend().label();
      return List.of(
          new ThroughputResult.Variant(backend + ", 1 thread", batch, context, timings.get(0)),
          new ThroughputResult.Variant(
              backend + ", " + numThreads + " threads", batch, context, timings.get(1)),
          new ThroughputResult.Variant("scalar, 1 thread", batch, context, timings.get(2)));
    } finally {
      executor.shutdown();
    }
  }

  /** The same few tokens again and again: what they are does not change how long they take. */
  static void fill(SequenceBatch batch, int numTokens) {
    TokenRows rows =
        TokenRows.random(FILL_TOKENS, NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, FILL_TOKENS);
    batch.fill(numTokens, rows);
  }
}
