package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import java.util.List;
import java.util.function.Function;

/** The throughput experiment as a section of the report. */
final class ThroughputSection {
  private ThroughputSection() {}

  static Section of(int number, ThroughputResult result, Conditions conditions) {
    double speed = result.meanPagedSpeed();
    return new Section(
        number,
        "throughput",
        "Throughput",
        "What does finding keys and values through block tables cost a decode step?",
        new Verdict(
            speed >= 0.95
                ? Verdict.Outcome.HOLDS
                : speed >= 0.75 ? Verdict.Outcome.MIXED : Verdict.Outcome.LOSES,
            Shown.percent(speed),
            "of the speed of contiguous memory with the same kernel, in the geometric mean over all"
                + " batches and contexts, although the blocks lie in random order; and "
                + Shown.times(result.meanPagedSpeedOverPlain())
                + " the speed of plain loops over contiguous arrays."),
        paragraphs(result, conditions),
        charts(result),
        List.of(table(result), variantTable(result)),
        "A step appends one token to each sequence, writes its key and value, attends and commits:"
            + " one layer of 8 heads of 64 in FP32, without projections. `paged`: "
            + conditions.backend().label()
            + " backend, blocks of "
            + ThroughputExperiment.BLOCK_SIZE
            + " in random order. `in order`: the same blocks as neighbours, so that a sequence is"
            + " one run of memory. `blocks of "
            + ThroughputExperiment.LARGEST_BLOCK_SIZE
            + "`: the largest blocks, as neighbours. `plain`: textbook attention over heap arrays,"
            + " plain Java loops, no Vector API. One thread; the four are timed in turns, times are"
            + " medians of medians. Relative speeds compare CPU time, which other programs on the"
            + " machine disturb less; against contiguous memory the faster of the two counts.");
  }

  private static List<String> paragraphs(ThroughputResult result, Conditions conditions) {
    ThroughputResult.Cell largest = result.cells().getLast();
    double worst =
        result.cells().stream().mapToDouble(ThroughputResult.Cell::pagedSpeed).min().orElseThrow();
    double best =
        result.cells().stream().mapToDouble(ThroughputResult.Cell::pagedSpeed).max().orElseThrow();
    double disturbed =
        result.cells().stream().mapToDouble(cell -> cell.paged().busyness()).max().orElseThrow();
    return List.of(
        "Cell by cell the paged step runs at "
            + Shown.percent(worst)
            + " to "
            + Shown.percent(best)
            + " of the best contiguous step. Kwon et al. published 74 to 80 % for their first paged"
            + " kernel on a GPU.",
        "All but the plain loops go through block tables, as this library has no kernel without"
            + " them; what is compared is memory in random order with memory in one run. The tables"
            + " themselves cost little: blocks of "
            + ThroughputExperiment.LARGEST_BLOCK_SIZE
            + ", looked up a sixteenth as often, run a single sequence at "
            + Shown.percent(result.largestBlocksSpeed())
            + " of the speed of blocks of "
            + ThroughputExperiment.BLOCK_SIZE
            + " in order.",
        "With "
            + largest.batch()
            + " sequences of "
            + Shown.count(largest.contextLength())
            + " tokens, "
            + conditions.backend().label()
            + " attention reads keys and values at "
            + Shown.fixed(largest.pagedBytesPerSecond() / 1e9, 1)
            + " GB/s on one thread. Small batches fit into the processor's caches and read faster;"
            + " large ones show the memory.",
        disturbed > 1.15
            ? "The machine was busy with other things: at worst the clock ran "
                + Shown.percent(disturbed - 1)
                + " longer than the processor worked. Tokens per second suffer from that, relative"
                + " speeds less."
            : "The machine was quiet: clock and CPU time agree.");
  }

  private static List<Chart> charts(ThroughputResult result) {
    int smallest = result.cells().getFirst().batch();
    int largest = result.cells().getLast().batch();
    return List.of(chart(result, smallest), chart(result, largest));
  }

  private static Chart chart(ThroughputResult result, int batch) {
    return new LineChart(
        "throughput-batch-" + batch,
        "Decode, " + (batch == 1 ? "1 sequence" : batch + " sequences") + ", one thread",
        Axis.log2("context", "tokens"),
        Axis.log10("speed", "tokens/s"),
        List.of(
            line("paged", result, batch, ThroughputResult.Cell::paged),
            line("in order", result, batch, ThroughputResult.Cell::inOrder),
            line(
                "blocks of " + ThroughputExperiment.LARGEST_BLOCK_SIZE,
                result,
                batch,
                ThroughputResult.Cell::largestBlocks),
            line("plain", result, batch, ThroughputResult.Cell::plain)),
        List.of());
  }

  private static Series line(
      String name,
      ThroughputResult result,
      int batch,
      Function<ThroughputResult.Cell, Timing> timing) {
    return new Series(
        name,
        result.cells().stream()
            .filter(cell -> cell.batch() == batch)
            .map(cell -> new Point(cell.contextLength(), timing.apply(cell).perSecond(batch)))
            .toList());
  }

  private static Table table(ThroughputResult result) {
    return new Table(
        "throughput-table",
        "Decode steps on one thread",
        List.of(
            Column.numbers("batch"),
            Column.numbers("context", "tokens"),
            Column.numbers("paged", "tokens/s"),
            Column.numbers("in order", "tokens/s"),
            Column.numbers("blocks of " + ThroughputExperiment.LARGEST_BLOCK_SIZE, "tokens/s"),
            Column.numbers("plain", "tokens/s"),
            Column.numbers("paged against contiguous", "%"),
            Column.numbers("against plain", "x"),
            Column.numbers("paged step", "µs"),
            Column.numbers("of it CPU", "µs"),
            Column.numbers("K and V read", "GB/s")),
        result.cells().stream()
            .map(cell ->
                Row.of(
                    Cell.count(cell.batch()),
                    Cell.count(cell.contextLength()),
                    Cell.significant(cell.paged().perSecond(cell.batch()), 3),
                    Cell.significant(cell.inOrder().perSecond(cell.batch()), 3),
                    Cell.significant(cell.largestBlocks().perSecond(cell.batch()), 3),
                    Cell.significant(cell.plain().perSecond(cell.batch()), 3),
                    Cell.fixed(100 * cell.pagedSpeed(), 0),
                    Cell.fixed(cell.pagedSpeedOverPlain(), 1),
                    Cell.significant(cell.paged().wallMicros(), 3),
                    Cell.significant(cell.paged().cpuNanos() / 1e3, 3),
                    Cell.fixed(cell.pagedBytesPerSecond() / 1e9, 1)))
            .toList());
  }

  private static Table variantTable(ThroughputResult result) {
    Timing first = result.variants().getFirst().timing();
    return new Table(
        "throughput-variants",
        "The same step on more threads and on the scalar backend",
        List.of(
            Column.words("backend and threads"),
            Column.numbers("batch"),
            Column.numbers("context", "tokens"),
            Column.numbers("step", "µs"),
            Column.numbers("speed", "tokens/s"),
            Column.numbers("against the first", "x")),
        result.variants().stream()
            .map(variant ->
                Row.of(
                    Cell.words(variant.name()),
                    Cell.count(variant.batch()),
                    Cell.count(variant.contextLength()),
                    Cell.significant(variant.timing().wallMicros(), 3),
                    Cell.significant(variant.timing().perSecond(variant.batch()), 3),
                    Cell.fixed(first.wallNanos() / variant.timing().wallNanos(), 2)))
            .toList());
  }
}
