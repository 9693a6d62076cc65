package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.BarChart;
import dev.pagoda.lab.report.BarSeries;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.TransferModel;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The memory pressure experiment as a section of the report. */
final class PressureSection {
  /** What noise makes of equal things. */
  private static final double NOISE = 1.1;

  private PressureSection() {}

  static Section of(int number, PressureResult result, Conditions conditions) {
    double ratio = result.chooserAgainstBest();
    return new Section(
        number,
        "memory-pressure",
        "Memory pressure",
        "What does it cost to serve a workload in a cache too small for it, by swapping, by"
            + " computing again, and by what the cost model chooses?",
        new Verdict(
            ratio <= NOISE ? Verdict.Outcome.HOLDS : Verdict.Outcome.MIXED,
            Shown.times(ratio),
            "the CPU time of the better plain way is what the calibrated chooser takes."),
        paragraphs(result),
        List.of(chart(result)),
        List.of(servedTable(result), calibrationTable(result)),
        "A server in one thread on the "
            + conditions.backend().label()
            + " backend: "
            + result.numRequests()
            + " chats, prompts admitted through `AdmissionControl` by what they need at once,"
            + " batches of up to twelve that grow by a token per round, `Preemptor.makeRoom` when a"
            + " step finds too few blocks, `restoreNext` before each round. One layer of 8 heads of"
            + " 64 in FP32 and its projections, block size "
            + PressureServer.BLOCK_SIZE
            + ", "
            + result.numBlocks()
            + " blocks. Swap and recompute: `LatestFirst` with a model that always says so, whole"
            + " groups. All ways take turns after a round that warms up; times are medians."
            + " Calibrated by `PreemptionCalibration` before the first round. Seed "
            + conditions.seed()
            + "."
            + conditions.noteOnProjections());
  }

  private static List<String> paragraphs(PressureResult result) {
    TransferModel out = result.model().swapOut();
    PrefillModel prefill = result.model().prefill();
    PressureResult.Served chooser = result.way(PressureExperiment.CHOOSER);
    return List.of(
        "Measured here before the first request: "
            + Shown.fixed(out.bytesPerSecond() / 1e9, 1)
            + " GB/s and "
            + Shown.time(out.nanosPerCall())
            + " per group to go out; "
            + Shown.count(Math.round(prefill.tokensPerSecond()))
            + " tokens per second, "
            + Shown.time(prefill.nanosPerFeed())
            + " per feed and "
            + Shown.fixed(prefill.nanosPerAttended(), 1)
            + " ns per token attended to to compute again."
            + (result.example().isEmpty()
                ? ""
                : " The chooser's first decision, in its words: \"" + result.example() + "\"."),
        "Of its "
            + Shown.count(chooser.numPreemptions())
            + " preemptions "
            + Shown.count(chooser.numTails())
            + " took only the last blocks of a chat; whole chats would have left "
            + Shown.count(result.way(PressureExperiment.CHOOSER_WHOLE).numPreemptions())
            + " times. Who came first is done first, so that those who leave are those that waited"
            + " least.");
  }

  private static Stream<PressureResult.Served> all(PressureResult result) {
    return Stream.concat(Stream.of(result.roomy()), result.served().stream());
  }

  private static BarChart chart(PressureResult result) {
    return new BarChart(
        "pressure-time",
        "CPU time to serve the whole workload",
        "way",
        all(result).map(PressureResult.Served::way).toList(),
        Axis.linear("CPU time", "ms"),
        List.of(
            BarSeries.of(
                "served", all(result).mapToDouble(each -> each.cpuNanos() / 1e6).toArray())),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  private static Table servedTable(PressureResult result) {
    return new Table(
        "pressure-table",
        "The same chats, served in each way",
        List.of(
            Column.words("way"),
            Column.numbers("time", "ms"),
            Column.numbers("CPU time", "ms"),
            Column.numbers("preemptions"),
            Column.numbers("of those, tails"),
            Column.numbers("moved", "MB"),
            Column.numbers("tokens computed again")),
        all(result)
            .map(each ->
                new Row(
                    List.of(
                        Cell.words(each.way()),
                        Cell.fixed(each.wallNanos() / 1e6, 1),
                        Cell.fixed(each.cpuNanos() / 1e6, 1),
                        Cell.count(each.numPreemptions()),
                        Cell.count(each.numTails()),
                        Cell.fixed(each.movedBytes() / 1e6, 1),
                        Cell.count(each.tokensFedAgain())),
                    each.way().equals(PressureExperiment.CHOOSER)))
            .toList());
  }

  private static Table calibrationTable(PressureResult result) {
    List<Row> rows =
        IntStream.range(0, result.calibration().out().size())
            .mapToObj(i ->
                Row.of(
                    Cell.count(result.calibration().prefills().get(i).numTokens()),
                    Cell.count(result.calibration().out().get(i).numTransfers()),
                    Cell.fixed(result.calibration().out().get(i).nanos() / 1e3, 1),
                    Cell.fixed(result.calibration().in().get(i).nanos() / 1e3, 1),
                    Cell.fixed(result.calibration().prefills().get(i).nanos() / 1e3, 1)))
            .toList();
    return new Table(
        "pressure-calibration",
        "What the chooser was calibrated by",
        List.of(
            Column.numbers("tokens"),
            Column.numbers("blocks"),
            Column.numbers("out", "µs"),
            Column.numbers("in", "µs"),
            Column.numbers("computing", "µs")),
        rows);
  }
}
