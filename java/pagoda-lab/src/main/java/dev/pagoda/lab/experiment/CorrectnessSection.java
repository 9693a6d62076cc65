package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.BarChart;
import dev.pagoda.lab.report.BarSeries;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.layout.DType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The correctness experiment as a section of the report. */
final class CorrectnessSection {
  private CorrectnessSection() {}

  static Section of(int number, CorrectnessResult result, Conditions conditions) {
    return new Section(
        number,
        "correctness",
        "Correctness",
        "Does paged attention compute what plain attention computes?",
        verdict(result),
        paragraphs(conditions),
        List.of(chart(result)),
        List.of(precisionTable(result), claimTable(result), layerTable(result)),
        "Layers: random weights, 3 sequences, a prompt of 67 tokens at once and 6 tokens one by"
            + " one, blocks in random order; both sides use the same projections (netlib's pure"
            + " Java BLAS) and differ in attention alone; vanilla attention shares no code with the"
            + " library. `Relative` is the largest distance over the largest output. Bits: raw FP32"
            + " bits of every output of 8 query heads on 2 KV heads of 64. Float64: the definition,"
            + " written down in float64. Seed "
            + conditions.seed()
            + ".");
  }

  private static Verdict verdict(CorrectnessResult result) {
    CorrectnessResult.Layer worst = worstInFp32(result);
    long numCompared = result.claims().stream().mapToLong(c -> c.difference().numCompared()).sum();
    if (!result.holds()) {
      long numFailed =
          result.layers().stream().filter(layer -> !layer.holds()).count()
              + result.claims().stream().filter(claim -> !claim.holds()).count();
      return new Verdict(
          Verdict.Outcome.FAILED,
          Shown.count(numFailed),
          "comparisons failed: the tables say which. Do not trust the rest of this page.");
    }
    return new Verdict(
        Verdict.Outcome.HOLDS,
        Shown.scientific(worst.difference().relative()),
        "is the largest relative distance from vanilla attention in FP32, which is rounding; and "
            + (result.claims().isEmpty()
                ? "no bits were compared."
                : Shown.count(numCompared)
                    + " outputs computed in two ways agree to the last bit."));
  }

  private static CorrectnessResult.Layer worstInFp32(CorrectnessResult result) {
    return result.layers().stream()
        .filter(layer -> layer.layerCase().dtype() == DType.FP32)
        .max(Comparator.comparingDouble(layer -> layer.difference().relative()))
        .orElseThrow();
  }

  private static List<String> paragraphs(Conditions conditions) {
    List<String> paragraphs = new ArrayList<>();
    paragraphs.add(
        "In FP32 the paged layer and the vanilla layer differ by what two orders of summation"
            + " differ by. In FP16 and BF16 the cache rounds keys and values, vanilla attention"
            + " does not: the distance is the price of half the memory, and within what rounding"
            + " explains.");
    paragraphs.add(
        "On a CPU an output depends on its query and on the keys and values it sees, on nothing"
            + " else: not on the backend, the block size, the chunks a prompt came in, the other"
            + " sequences of the batch or the number of threads. So a prefix that is shared instead"
            + " of computed again changes no bit of the answer.");
    if (conditions.backend() != Backend.CUDA && Backend.VECTOR.unavailabilityReason().isPresent()) {
      paragraphs.add(
          "Not compared here: the vector backend, because "
              + Backend.VECTOR.unavailabilityReason().orElseThrow()
              + ".");
    }
    return paragraphs;
  }

  private static Chart chart(CorrectnessResult result) {
    List<CorrectnessResult.Precision> precisions = result.precisions();
    return new BarChart(
        "correctness-float64",
        "Largest distance from float64, attention alone",
        "implementation",
        precisions.stream().map(CorrectnessResult.Precision::implementation).toList(),
        Axis.linear("largest distance", "1e-6"),
        List.of(
            BarSeries.of(
                "largest distance",
                precisions.stream()
                    .mapToDouble(p -> 1e6 * p.difference().maxAbsolute())
                    .toArray())),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  /** One row per shape, one column per backend. */
  private static Table layerTable(CorrectnessResult result) {
    Map<CorrectnessResult.LayerCase, List<CorrectnessResult.Layer>> cases =
        result.layers().stream()
            .collect(
                Collectors.groupingBy(
                    CorrectnessResult.Layer::layerCase, LinkedHashMap::new, Collectors.toList()));
    List<Column> columns = new ArrayList<>();
    columns.add(Column.words("shape"));
    columns.add(Column.numbers("block size"));
    columns.add(Column.words("cache"));
    cases.values().iterator().next().stream()
        .map(layer -> Column.numbers("relative, " + layer.backend()))
        .forEach(columns::add);
    columns.add(Column.numbers("bound"));
    columns.add(Column.words("within"));
    List<Row> rows = new ArrayList<>();
    cases.forEach((each, layers) -> rows.add(layerRow(each, layers)));
    return new Table(
        "correctness-layers",
        "A whole attention layer: largest distance of paged from vanilla",
        columns,
        rows);
  }

  private static Row layerRow(
      CorrectnessResult.LayerCase each, List<CorrectnessResult.Layer> layers) {
    boolean holds = layers.stream().allMatch(CorrectnessResult.Layer::holds);
    List<Cell> cells = new ArrayList<>();
    cells.add(Cell.words(each.shape()));
    cells.add(Cell.count(each.blockSize()));
    cells.add(Cell.words(each.dtype().name()));
    layers.forEach(layer -> cells.add(Cell.significant(layer.difference().relative(), 2)));
    cells.add(Cell.significant(each.bound(), 2));
    cells.add(Cell.words(holds ? "yes" : "NO"));
    return new Row(cells, !holds);
  }

  private static Table claimTable(CorrectnessResult result) {
    return new Table(
        "correctness-bits",
        "The same to the bit",
        List.of(
            Column.words("claim"),
            Column.numbers("outputs compared"),
            Column.numbers("other bits"),
            Column.words("holds")),
        result.claims().stream()
            .map(claim ->
                new Row(
                    List.of(
                        Cell.words(claim.claim()),
                        Cell.count(claim.difference().numCompared()),
                        Cell.count(claim.difference().numOtherBits()),
                        Cell.words(claim.holds() ? "yes" : "NO")),
                    !claim.holds()))
            .toList());
  }

  private static Table precisionTable(CorrectnessResult result) {
    return new Table(
        "correctness-precision",
        "Attention alone, against float64",
        List.of(
            Column.words("implementation"),
            Column.numbers("outputs"),
            Column.numbers("largest distance"),
            Column.numbers("relative")),
        result.precisions().stream()
            .map(precision ->
                Row.of(
                    Cell.words(precision.implementation()),
                    Cell.count(precision.difference().numCompared()),
                    Cell.significant(precision.difference().maxAbsolute(), 2),
                    Cell.significant(precision.difference().relative(), 2)))
            .toList());
  }
}
