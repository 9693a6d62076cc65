package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.TokenRows;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.workload.Request;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which block size: small ones waste little, large ones may be faster. Both sides measured, so that
 * a recommendation is earned.
 */
final class BlockSizeExperiment implements Experiment {
  static final List<Workload> WORKLOADS =
      List.of(Workload.NOTEBOOK, Workload.ALPACA, Workload.SHARE_GPT);

  private static final int[] BLOCK_SIZES = {1, 8, 16, 32, 64, 128, 256};
  private static final int COPIES_PER_STEP = 16;

  @Override
  public String title() {
    return "Block size";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 4 : 20;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return BlockSizeSection.of(number, measure(conditions), conditions);
  }

  static BlockSizeResult measure(Conditions conditions) {
    Shape shape = Shape.under(conditions);
    Turns turns = new Turns(conditions.either(2, 9), conditions.either(10, 80) * 1_000_000L);
    List<Timing> decodes = decode(shape, turns, conditions.part(0, 0.5));
    List<Timing> prefills = prefill(shape, turns, conditions.part(0.5, 0.8));
    double[] copyNanos = copy(turns, conditions.part(0.8, 0.9));
    List<BlockSizeResult.Size> sizes = new ArrayList<>();
    for (int i = 0; i < BLOCK_SIZES.length; i++) {
      sizes.add(
          new BlockSizeResult.Size(
              BLOCK_SIZES[i],
              wasted(BLOCK_SIZES[i], conditions),
              decodes.get(i),
              shape.decodeBatch(),
              prefills.get(i),
              shape.prefillTokens(),
              copyNanos[i]));
      conditions.progress().accept(0.9 + 0.1 * (i + 1) / BLOCK_SIZES.length);
    }
    return new BlockSizeResult(sizes);
  }

  /**
   * What is timed.
   *
   * @param decodeBatch sequences of a decode step
   * @param decodeContext tokens that each one attends over
   * @param prefillTokens tokens of a prompt
   */
  record Shape(int decodeBatch, int decodeContext, int prefillTokens) {
    static Shape under(Conditions conditions) {
      if (conditions.backend() == Backend.SCALAR) {
        return new Shape(2, 512, 64);
      }
      return conditions.quick() ? new Shape(8, 1024, 256) : new Shape(8, 2048, 512);
    }
  }

  private static List<PagedRig> openRigs(int numSequences, int tokensMax, Conditions conditions) {
    List<PagedRig> rigs = new ArrayList<>();
    for (int blockSize : BLOCK_SIZES) {
      rigs.add(
          new PagedRig.Plan(conditions.backend(), blockSize, numSequences, tokensMax)
              .shuffled(Workers.caller(), conditions.seed()));
    }
    return rigs;
  }

  private static List<Timing> decode(Shape shape, Turns turns, Conditions conditions) {
    int context = shape.decodeContext();
    List<PagedRig> rigs =
        openRigs(shape.decodeBatch(), context + DecodeSteps.SPARE_TOKENS, conditions);
    try {
      rigs.forEach(rig -> ThroughputExperiment.fill(rig.batch(), context));
      return turns.compare(
          rigs.stream()
              .map(rig -> new DecodeSteps(rig.batch(), context, conditions.seed()))
              .toList(),
          conditions.progress());
    } finally {
      rigs.forEach(PagedRig::close);
    }
  }

  private static List<Timing> prefill(Shape shape, Turns turns, Conditions conditions) {
    int numTokens = shape.prefillTokens();
    TokenRows prompt =
        TokenRows.random(
            numTokens, NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, conditions.seed());
    List<PagedRig> rigs = openRigs(1, numTokens, conditions);
    try {
      List<Turns.Trial> trials = new ArrayList<>();
      for (PagedRig rig : rigs) {
        trials.add(() -> {
          rig.batch().forward(numTokens, prompt);
          rig.batch().truncate(0);
        });
      }
      return turns.compare(trials, conditions.progress());
    } finally {
      rigs.forEach(PagedRig::close);
    }
  }

  /**
   * Beginning a step over forks whose last block is shared, less the same where it is not: what is
   * left are the copies.
   */
  private static double[] copy(Turns turns, Conditions conditions) {
    List<ForkedSteps> forks = new ArrayList<>();
    try {
      for (int blockSize : BLOCK_SIZES) {
        forks.add(new ForkedSteps(blockSize, conditions.backend(), true));
        forks.add(new ForkedSteps(blockSize, conditions.backend(), false));
      }
      List<Timing> timings = turns.compare(forks, conditions.progress());
      return IntStream.range(0, BLOCK_SIZES.length)
          .mapToDouble(i ->
              BLOCK_SIZES[i] == 1
                  ? 0
                  : Math.max(0, timings.get(2 * i).wallNanos() - timings.get(2 * i + 1).wallNanos())
                      / COPIES_PER_STEP)
          .toArray();
    } finally {
      forks.forEach(ForkedSteps::close);
    }
  }

  /** Steps that append a token to sequences whose last block is half full, and take it back. */
  private static final class ForkedSteps implements Turns.Trial, AutoCloseable {
    private final PagedRig rig;
    private final Step step;
    private final List<KvSequence> sequences = new ArrayList<>();

    ForkedSteps(int blockSize, Backend backend, boolean shared) {
      rig =
          new PagedRig.Plan(backend, blockSize, COPIES_PER_STEP, 2 * blockSize)
              .shuffled(Workers.caller(), blockSize);
      PagedKvCache cache = rig.cache();
      step = cache.newStep();
      int numTokens = Math.max(1, blockSize / 2);
      rig.batch().fill(numTokens, TokenRows.allocate(numTokens, 1, NotebookLayer.SHAPE));
      for (KvSequence parent : rig.batch().sequences()) {
        sequences.add(shared ? parent.fork() : parent);
      }
    }

    @Override
    public void call() {
      sequences.forEach(sequence -> step.append(sequence, 1));
      step.begin();
      step.rollback();
    }

    @Override
    public void close() {
      rig.close();
    }
  }

  static List<Double> wasted(int blockSize, Conditions conditions) {
    List<Double> wasted = new ArrayList<>();
    for (Workload workload : WORKLOADS) {
      // Short requests come and go faster; it takes more of them to fill a server for long.
      int count =
          workload.equals(Workload.SHARE_GPT)
              ? conditions.either(400, 2000)
              : conditions.either(4000, 10_000);
      List<Request> requests = workload.requests(count, conditions.seed());
      try (Server server = new PagedServer(MemoryExperiment.SLOTS, blockSize)) {
        wasted.add(Server.meanUnderLoad(server, requests).wastedShare());
      }
    }
    return wasted;
  }
}
