package dev.pagoda.lab.simulation;

import dev.pagoda.Backend;
import dev.pagoda.lab.attention.ChosenBackend;
import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.cli.SimulateOptions;
import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Fact;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.Report;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Measures this machine, writes it to a file, and shows what was measured. */
final class CalibrationReport {
  private static final long POOL_BYTES = 4L << 30;

  private CalibrationReport() {}

  static Report write(SimulateOptions options, Progress progress) throws IOException {
    Backend backend = ChosenBackend.of(options.backend());
    Calibration calibration = new Calibration(backend);
    progress.plan(10);
    progress.stage("measuring " + backend.label(), 10);
    Machine machine = calibration.measure(POOL_BYTES, progress::advance);
    MachineFile.write(machine, options.calibrationFile());
    LatencyModel latency = machine.latency();
    List<Series> lines = new ArrayList<>();
    for (int blockSize : Calibration.BLOCK_SIZES) {
      lines.add(
          new Series(
              "blocks of " + blockSize,
              calibration.decodes().stream()
                  .filter(each -> each.blockSize() == blockSize && each.numSequences() == 8)
                  .map(each ->
                      new Point(each.contextTokens(), each.nanos() / each.contextTokens() / 8))
                  .toList()));
    }
    Section section =
        new Section(
            1,
            "calibration",
            "What a step takes here",
            "How fast does the library read keys and values, attend to prompts and move blocks?",
            new Verdict(
                Verdict.Outcome.HOLDS,
                String.format("%.3g us", latency.nanosPerContextToken() / 1e3),
                "per context token of a generating sequence, in all 32 layers."),
            List.of(machine.source()),
            List.of(
                new LineChart(
                    "calibration-decode",
                    "Decode attention per context token, one layer, 8 sequences",
                    Axis.log2("context", "tokens"),
                    Axis.linear("time", "ns/token"),
                    lines,
                    List.of())),
            List.of(costs(machine), decodes(calibration)),
            "Medians of 15. One layer of 32 query heads, 8 KV heads of 128 in BF16; moves of 256 tokens"
                + " of 32 layers. Per sequence and per token: least squares of relative errors over"
                + " 1, 4 and 8 sequences of 256, 1,024 and 3,072 tokens.");
    return new Report(
        "A machine, measured for simulation",
        "What `pagoda simulate --machine " + options.calibrationFile() + "` plans with.",
        List.of(new Fact("Backend", backend.label())),
        List.of(section));
  }

  private static Table costs(Machine machine) {
    LatencyModel latency = machine.latency();
    List<Row> rows = new ArrayList<>();
    rows.add(row("step: reading the weights", latency.nanosPerStep() / 1e6, "ms"));
    rows.add(row("generating sequence", latency.nanosPerSequence() / 1e3, "us"));
    rows.add(row("context token", latency.nanosPerContextToken() / 1e3, "us"));
    rows.add(row("prompt token (assumed)", latency.nanosPerPrefillToken() / 1e3, "us"));
    rows.add(row("prompt token and token it sees", latency.nanosPerAttendedPair(), "ns"));
    rows.add(row("swap out", machine.swapOut().bytesPerSecond() / 1e9, "GB/s"));
    rows.add(row("swap out, per block", machine.swapOut().nanosPerTransfer() / 1e3, "us"));
    rows.add(row("swap in", machine.swapIn().bytesPerSecond() / 1e9, "GB/s"));
    rows.add(row("swap in, per block", machine.swapIn().nanosPerTransfer() / 1e3, "us"));
    for (Machine.BlockCost cost : machine.blockCosts()) {
      rows.add(
          row("context token, blocks of " + cost.blockSize(), cost.contextFactor(), "x of 16"));
    }
    return new Table(
        "calibration-costs",
        "Costs in all layers",
        List.of(Column.words("of"), Column.numbers("cost"), Column.words("unit")),
        rows);
  }

  private static Row row(String what, double value, String unit) {
    return Row.of(Cell.words(what), Cell.significant(value, 3), Cell.words(unit));
  }

  private static Table decodes(Calibration calibration) {
    return new Table(
        "calibration-decodes",
        "Decode attention, one layer",
        List.of(
            Column.numbers("block size"),
            Column.numbers("sequences"),
            Column.numbers("context", "tokens"),
            Column.numbers("time", "us")),
        calibration.decodes().stream()
            .map(each ->
                Row.of(
                    Cell.count(each.blockSize()),
                    Cell.count(each.numSequences()),
                    Cell.count(each.contextTokens()),
                    Cell.significant(each.nanos() / 1e3, 3)))
            .toList());
  }
}
