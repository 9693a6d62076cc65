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
import dev.pagoda.tier.TransferModel;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.ToDoubleFunction;

/** The swap and recompute experiment as a section of the report. */
final class PreemptionSection {
  private PreemptionSection() {}

  static Section of(int number, PreemptionResult result, Conditions conditions) {
    double least =
        result.lengths().stream()
            .mapToDouble(PreemptionResult.Preempted::swapAdvantage)
            .min()
            .orElseThrow();
    boolean swapAlwaysWins = least > 1;
    return new Section(
        number,
        "swap-or-recompute",
        "Swap or recompute",
        "Is a sequence that must make room better moved to host memory or computed again?",
        new Verdict(
            swapAlwaysWins ? Verdict.Outcome.HOLDS : Verdict.Outcome.MIXED,
            Shown.times(least),
            "is how much faster, at the least, a sequence is copied out and in on this machine than"
                + " computed again. On a card behind a bus it depends on the number of pieces that"
                + " are copied."),
        paragraphs(result),
        List.of(lengthChart(result), deviceChart(result)),
        List.of(lengthTable(result), deviceTable(result), blockSizeTable(result)),
        "Measured: one sequence in a cache of one layer: 8 heads of 64 in FP32, hidden size 512."
            + " Swap: `SwapSpace.swapOut` and `swapIn`, both on the clock. Recompute:"
            + " `DroppedGroup.drop` and `restore`, which feeds all tokens through the layer,"
            + " projections included, in one step, on the "
            + conditions.backend().label()
            + " backend, one thread. A whole model would also compute its feed-forward layers,"
            + " about twice as much again, so recomputing looks better here than it is. All are"
            + " timed in turns; times are medians. The same sequence moves again and again, so"
            + " short ones stay in the processor's caches. Fitted: the library's `PreemptionModel`,"
            + " least squares over these measurements. Modelled: formulas over stated numbers,"
            + " nothing measured."
            + conditions.noteOnProjections());
  }

  private static List<String> paragraphs(PreemptionResult result) {
    PreemptionResult.Preempted longest = result.lengths().getLast();
    TransferModel out = result.fitted().swapOut();
    return List.of(
        "Here host memory is the same memory, and a copy out and in moves "
            + Shown.fixed(2 * longest.bytes() / longest.swap().wallNanos(), 1)
            + " GB/s for the longest sequence. The fitted model: "
            + Shown.fixed(out.bytesPerSecond() / 1e9, 1)
            + " GB/s and "
            + Shown.time(out.nanosPerTransfer())
            + " per block to go out, "
            + Shown.count(Math.round(result.fitted().prefill().tokensPerSecond()))
            + " tokens per second to compute again. Recomputing would win only if each block cost "
            + Shown.time(longest.breakEvenNanosPerTransfer())
            + " to start moving. The model is a straight line: sequences that no longer fit into"
            + " the processor's caches move slower than it says, and long ones take longer to"
            + " compute again, because attention grows with the square of the length.",
        "Why small blocks made swapping slow in published systems: they move a piece per layer, for"
            + " keys and for values. On a card with 25 GB/s, 10 µs per transfer and 10,000 tokens"
            + " per second the model puts the crossover at block size "
            + crossover(result.crossoverByLayer())
            + " for such pieces. This library keeps all layers of a block in one piece: the"
            + " crossover is at block size "
            + crossover(result.crossoverWhole())
            + ", so swapping wins at every size.");
  }

  private static String crossover(OptionalInt blockSize) {
    return blockSize.isPresent() ? Integer.toString(blockSize.getAsInt()) : "none up to 256";
  }

  private static Chart lengthChart(PreemptionResult result) {
    return new LineChart(
        "preemption-lengths",
        "Making room for a sequence and bringing it back, block size 16",
        Axis.log2("sequence", "tokens"),
        Axis.log10("time", "ms"),
        List.of(
            line("swap, measured", result, each -> each.swap().wallNanos()),
            line("swap, fitted", result, PreemptionResult.Preempted::modelledSwapNanos),
            line("recompute, measured", result, each -> each.recompute().wallNanos()),
            line("recompute, fitted", result, PreemptionResult.Preempted::modelledRecomputeNanos)),
        List.of());
  }

  private static Series line(
      String name, PreemptionResult result, ToDoubleFunction<PreemptionResult.Preempted> nanos) {
    return new Series(
        name,
        result.lengths().stream()
            .map(each -> new Point(each.numTokens(), nanos.applyAsDouble(each) / 1e6))
            .toList());
  }

  private static Chart deviceChart(PreemptionResult result) {
    return new LineChart(
        "preemption-device",
        "Modelled: 1,024 tokens of OPT-13B on a card behind a bus",
        Axis.log2("block size", "tokens"),
        Axis.log10("time", "ms"),
        List.of(
            modelled("swap, a piece per block", result, PreemptionResult.Modelled::swapWholeNanos),
            modelled(
                "swap, a piece per layer, K and V",
                result,
                PreemptionResult.Modelled::swapByLayerNanos),
            modelled("recompute", result, PreemptionResult.Modelled::recomputeNanos)),
        List.of());
  }

  private static Series modelled(
      String name, PreemptionResult result, ToDoubleFunction<PreemptionResult.Modelled> nanos) {
    return new Series(
        name,
        result.modelled().stream()
            .map(each -> new Point(each.blockSize(), nanos.applyAsDouble(each) / 1e6))
            .toList());
  }

  private static Table lengthTable(PreemptionResult result) {
    return measuredTable(
        "preemption-lengths-table", "Measured by length, block size 16", result.lengths());
  }

  private static Table blockSizeTable(PreemptionResult result) {
    return measuredTable(
        "preemption-block-sizes-table",
        "Measured by block size, " + result.blockSizes().getFirst().numTokens() + " tokens",
        result.blockSizes());
  }

  private static Table measuredTable(
      String id, String title, List<PreemptionResult.Preempted> entries) {
    return new Table(
        id,
        title,
        List.of(
            Column.numbers("sequence", "tokens"),
            Column.numbers("block size", "tokens"),
            Column.numbers("blocks"),
            Column.numbers("moved each way", "KiB"),
            Column.numbers("swap out and in", "µs"),
            Column.numbers("fitted", "µs"),
            Column.numbers("recompute", "µs"),
            Column.numbers("fitted", "µs"),
            Column.numbers("swap is faster", "x")),
        entries.stream()
            .map(each ->
                Row.of(
                    Cell.count(each.numTokens()),
                    Cell.count(each.blockSize()),
                    Cell.count(each.numBlocks()),
                    Cell.count(each.bytes() / 1024),
                    Cell.significant(each.swap().wallMicros(), 3),
                    Cell.significant(each.modelledSwapNanos() / 1e3, 3),
                    Cell.significant(each.recompute().wallMicros(), 3),
                    Cell.significant(each.modelledRecomputeNanos() / 1e3, 3),
                    Cell.significant(each.swapAdvantage(), 3)))
            .toList());
  }

  private static Table deviceTable(PreemptionResult result) {
    return new Table(
        "preemption-device-table",
        "Modelled, not measured: 1,024 tokens of OPT-13B (800 KiB each), 25 GB/s, 10 µs per"
            + " transfer, 10,000 tokens/s",
        List.of(
            Column.numbers("block size", "tokens"),
            Column.numbers("swap, a piece per block", "ms"),
            Column.numbers("swap, a piece per layer, K and V", "ms"),
            Column.numbers("recompute", "ms"),
            Column.words("cheaper with whole blocks"),
            Column.words("cheaper layer by layer")),
        result.modelled().stream()
            .map(each ->
                Row.of(
                    Cell.count(each.blockSize()),
                    Cell.fixed(each.swapWholeNanos() / 1e6, 1),
                    Cell.fixed(each.swapByLayerNanos() / 1e6, 1),
                    Cell.fixed(each.recomputeNanos() / 1e6, 1),
                    Cell.words(cheaper(each.swapWholeNanos(), each.recomputeNanos())),
                    Cell.words(cheaper(each.swapByLayerNanos(), each.recomputeNanos()))))
            .toList());
  }

  private static String cheaper(double swapNanos, double recomputeNanos) {
    return swapNanos <= recomputeNanos ? "swap" : "recompute";
  }
}
