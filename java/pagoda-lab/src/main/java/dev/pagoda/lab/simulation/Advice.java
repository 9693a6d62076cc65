package dev.pagoda.lab.simulation;

import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.ReferenceLine;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.workload.Trace;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleConsumer;

/** Which block size and which pool a workload wants on a machine, and why. */
final class Advice {
  /** Block sizes whose sustained rate is this close to the best are as good. */
  private static final double AS_GOOD = 0.99;

  /** Share of requests that may have to make room. */
  private static final double PREEMPTED = 0.001;

  private static final int[] BLOCK_SIZES = {8, 16, 32, 64, 128, 256};

  private final ServerSettings server;
  private final Machine machine;
  private final Trace trace;
  private final Trace atRate;
  private final long seed;
  private long numSimulated;

  Advice(ServerSettings server, Machine machine, Trace trace, Trace atRate, long seed) {
    this.server = server;
    this.machine = machine;
    this.trace = trace;
    this.atRate = atRate;
    this.seed = seed;
  }

  long numSimulated() {
    return numSimulated;
  }

  /** A block size under full load. */
  record BlockSize(int blockSize, double requestsPerSecond, double emptyShare) {}

  /** A pool at the rate that is planned for. */
  record Pool(int tokens, double waitingP99, long numPreemptions, int numRefused) {}

  /** The largest block size that sustains as much as the best: fewer blocks to name and to move. */
  static BlockSize best(List<BlockSize> sizes) {
    double most = sizes.stream().mapToDouble(BlockSize::requestsPerSecond).max().orElseThrow();
    return sizes.stream()
        .filter(each -> each.requestsPerSecond() >= AS_GOOD * most)
        .max((a, b) -> Integer.compare(a.blockSize(), b.blockSize()))
        .orElseThrow();
  }

  List<BlockSize> blockSizes(DoubleConsumer progress) {
    Trace waiting = trace.atRate(Double.POSITIVE_INFINITY, seed);
    List<BlockSize> sizes = new ArrayList<>();
    for (int blockSize : BLOCK_SIZES) {
      if (blockSize > server.poolTokens()) {
        continue;
      }
      ServingResult result;
      // From the first step to the last: a short trace is served before a server has settled.
      try (ServingSimulation simulation =
          new ServingSimulation(server.withBlockSize(blockSize), machine, waiting, seed)) {
        result = simulation.measuring(0, Double.POSITIVE_INFINITY).run();
      }
      numSimulated += trace.size();
      Occupancy occupancy = result.occupancy();
      double empty = occupancy.internal / (occupancy.internal + occupancy.live);
      sizes.add(new BlockSize(blockSize, result.requestsPerSecond(), empty));
      progress.accept(0.5 * sizes.size() / BLOCK_SIZES.length);
    }
    return sizes;
  }

  private Pool serve(int poolTokens) {
    ServingResult result =
        ServingSimulation.run(server.edit().poolTokens(poolTokens).done(), machine, atRate, seed);
    numSimulated += trace.size();
    return new Pool(
        poolTokens,
        result.waitingSeconds().percentile(99),
        result.numPreemptions(),
        result.numRefused());
  }

  /** Tokens that the busiest moment takes when memory is no limit. */
  private int peakTokens() {
    int plenty =
        (int)
            Math.min(
                1 << 30,
                (long) server.sequencesMax() * (server.totalTokensMax() + server.blockSize())
                    + server.blockSize());
    long[] peak = new long[1];
    ServerSettings unlimited = server.edit().poolTokens(plenty).done();
    try (ServingSimulation simulation =
        new ServingSimulation(unlimited, machine, atRate, seed)
            .withStepListener(blocks -> peak[0] = Math.max(peak[0], blocks))) {
      var _ = simulation.run();
    }
    numSimulated += trace.size();
    return (int) Math.min(plenty, (peak[0] + 1) * server.blockSize() * 100 / 98 + 1);
  }

  private boolean suffices(Pool pool, Pool unlimited) {
    return pool.numRefused() == unlimited.numRefused()
        && pool.numPreemptions() <= PREEMPTED * trace.size()
        && pool.waitingP99() <= 1.1 * unlimited.waitingP99() + 0.05;
  }

  Section section(int number, double rate, Progress progress) {
    List<BlockSize> sizes = blockSizes(progress::advance);
    BlockSize best = best(sizes);
    Pool unlimited = serve(peakTokens());
    List<Pool> tried = new ArrayList<>(List.of(unlimited));
    int low = server.blockSize();
    int high = unlimited.tokens();
    Pool smallest = unlimited;
    while (high - low > Math.max(server.blockSize(), high / 50)) {
      Pool middle = serve(low + (high - low) / 2);
      tried.add(middle);
      if (suffices(middle, unlimited)) {
        high = middle.tokens();
        smallest = middle;
      } else {
        low = middle.tokens();
      }
      progress.advance(Math.min(1, 0.5 + 0.05 * tried.size()));
    }
    tried.sort((a, b) -> Integer.compare(a.tokens(), b.tokens()));
    int chosen = smallest.tokens();
    int blocks = Math.ceilDiv(chosen, best.blockSize());
    return new Section(
        number,
        "advice",
        "Advice: block size and pool size",
        "Which blocks, and how many of them?",
        new Verdict(
            chosen <= machine.poolTokens() ? Verdict.Outcome.HOLDS : Verdict.Outcome.MIXED,
            String.format("%,d blocks of %d", blocks, best.blockSize()),
            String.format(
                "(%.2f GB) serve %.3g requests per second with no more waiting than memory without"
                    + " limit; the machine has room for %,d (%.2f GB).",
                gigabytes((long) blocks * best.blockSize()),
                rate,
                machine.poolTokens() / best.blockSize(),
                gigabytes(machine.poolTokens()))),
        reasons(best, smallest, unlimited),
        List.of(
            new LineChart(
                "advice-pool",
                "Waiting by pool size, 99th percentile",
                Axis.linear("pool", "tokens"),
                Axis.linear("waiting", "s"),
                List.of(
                    new Series(
                        "waiting",
                        tried.stream()
                            .filter(
                                each -> each.waitingP99() <= 100 * (unlimited.waitingP99() + 0.1))
                            .map(each -> new Point(each.tokens(), each.waitingP99()))
                            .distinct()
                            .toList())),
                List.of(new ReferenceLine("memory without limit", unlimited.waitingP99())))),
        List.of(blockTable(sizes, best), poolTable(tried, smallest)),
        "Block size: the largest whose sustained rate is within 1 % of the best. Pool: the smallest"
            + " of a bisection in which at most one request of a thousand makes room, none more is"
            + " refused, and the 99th percentile of waiting is within 10 % and 50 ms of that with"
            + " memory for the busiest moment.");
  }

  private double gigabytes(long tokens) {
    return tokens * (double) machine.kvBytesPerToken() / 1e9;
  }

  private List<String> reasons(BlockSize best, Pool smallest, Pool unlimited) {
    List<String> reasons = new ArrayList<>();
    reasons.add(
        String.format(
            "Blocks of %d leave %.1f %% of the owned slots empty and sustain %.3g requests per"
                + " second. Larger blocks waste more of the last block of each sequence; smaller ones"
                + " sustain no more, and double the entries of block tables and the pieces that a"
                + " swap moves.",
            best.blockSize(), 100 * best.emptyShare(), best.requestsPerSecond()));
    reasons.add(
        machine.blockCosts().isEmpty()
            ? "How fast kernels read blocks of different sizes is not known for this machine, and"
                + " taken as equal: `--calibrate` measures it."
            : "Kernel times by block size are measured on this machine and part of the rates.");
    reasons.add(
        String.format(
            "The busiest moment of this traffic takes %,d tokens when memory is no limit; %,d are"
                + " enough, because the watermark and the queue carry short peaks.",
            unlimited.tokens(), smallest.tokens()));
    if (smallest.tokens() > machine.poolTokens()) {
      reasons.add(
          "The machine has fewer: expect waiting and preemptions, fewer sequences at a time, or a"
              + " second machine.");
    }
    return reasons;
  }

  private Table blockTable(List<BlockSize> sizes, BlockSize best) {
    return new Table(
        "advice-block-size",
        "Block sizes, with requests always waiting",
        List.of(
            Column.numbers("block size", "tokens"),
            Column.numbers("sustained", "requests/s"),
            Column.numbers("empty slots", "%"),
            Column.numbers("bytes per block", "KiB")),
        sizes.stream()
            .map(each ->
                new Row(
                    List.of(
                        Cell.count(each.blockSize()),
                        Cell.significant(each.requestsPerSecond(), 4),
                        Cell.fixed(100 * each.emptyShare(), 1),
                        Cell.count(each.blockSize() * machine.kvBytesPerToken() / 1024)),
                    each.equals(best)))
            .toList());
  }

  private Table poolTable(List<Pool> tried, Pool smallest) {
    return new Table(
        "advice-pool-table",
        "Pools tried at the planned rate",
        List.of(
            Column.numbers("pool", "tokens"),
            Column.numbers("pool", "GB"),
            Column.numbers("waiting p99", "s"),
            Column.numbers("preemptions"),
            Column.numbers("refused")),
        tried.stream()
            .map(each ->
                new Row(
                    List.of(
                        Cell.count(each.tokens()),
                        Cell.fixed(gigabytes(each.tokens()), 2),
                        Cell.significant(each.waitingP99(), 3),
                        Cell.count(each.numPreemptions()),
                        Cell.count(each.numRefused())),
                    each.tokens() == smallest.tokens()))
            .toList());
  }
}
