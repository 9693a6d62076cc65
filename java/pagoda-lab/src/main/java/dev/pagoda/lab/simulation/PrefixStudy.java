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

/** Hit rates of the library's prefix cache by size, beside what nobody can beat. */
final class PrefixStudy {
  private static final double[] SIZES = {0.03125, 0.0625, 0.125, 0.25, 0.5, 1};

  private final ServerSettings server;
  private final Machine machine;
  private final Trace trace;
  private final long seed;
  private long numSimulated;

  PrefixStudy(ServerSettings server, Machine machine, Trace trace, long seed) {
    this.server = server;
    this.machine = machine;
    this.trace = trace;
    this.seed = seed;
  }

  long numSimulated() {
    return numSimulated;
  }

  Section section(int number, Progress progress) {
    PrefixAccesses accesses = PrefixAccesses.of(trace, server.blockSize());
    double unlimited = 100 * accesses.boundWithoutLimit();
    List<Point> hits = new ArrayList<>();
    List<Point> bounds = new ArrayList<>();
    List<Row> rows = new ArrayList<>();
    double last = 0;
    double lastBound = 0;
    for (double size : SIZES) {
      int blocks = Math.max(1, (int) (size * server.numBlocks()));
      ServingResult result =
          ServingSimulation.run(
              server.edit().prefixCacheBlocks(blocks).done(), machine, trace, seed);
      numSimulated += trace.size();
      last = 100 * result.hitRate();
      lastBound = 100 * accesses.bound(blocks);
      hits.add(new Point(blocks, last));
      bounds.add(new Point(blocks, lastBound));
      rows.add(
          Row.of(
              Cell.count(blocks),
              Cell.fixed((double) blocks * server.blockSize() * machine.kvBytesPerToken() / 1e9, 2),
              Cell.fixed(last, 1),
              Cell.fixed(lastBound, 1),
              Cell.fixed(unlimited, 1)));
      progress.advance(rows.size() / (double) SIZES.length);
    }
    return new Section(
        number,
        "prefix-cache",
        "Prefix cache: hits by size, and the bound",
        "How much of the prompts is found, and could a better eviction find more?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            String.format("%.1f %%", last),
            String.format(
                "of the prompt tokens are found with the whole pool as cache; with foreknowledge"
                    + " %.1f %% of them could be, and %.1f %% without any limit.",
                lastBound, unlimited)),
        List.of(
            "The bound knows all requests in advance and keeps of them what is needed again soonest"
                + " (Belady). It counts whole blocks, one by one, whether or not the blocks before"
                + " them are still there, and forgets that blocks in use cannot leave: no cache of"
                + " that size finds more whole blocks. The library also finds heads of blocks,"
                + " which the bound leaves out."),
        List.of(
            new LineChart(
                "prefix-hits",
                "Prompt tokens found",
                Axis.log2("cache size", "blocks"),
                Axis.linear("found", "%"),
                List.of(new Series("library", hits), new Series("clairvoyant", bounds)),
                List.of(new ReferenceLine("without limit", unlimited)))),
        List.of(
            new Table(
                "prefix-table",
                "Share of prompt tokens found",
                List.of(
                    Column.numbers("cache", "blocks"),
                    Column.numbers("cache", "GB"),
                    Column.numbers("library", "%"),
                    Column.numbers("clairvoyant", "%"),
                    Column.numbers("without limit", "%")),
                rows)),
        "Sizes are quotas of the library's prefix cache, which shares the pool with requests in"
            + " progress; its eviction takes the end of the chain that has been idle longest.");
  }
}
