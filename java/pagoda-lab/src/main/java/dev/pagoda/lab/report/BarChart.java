package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Values of categories: bars side by side, or parts of one bar.
 *
 * @param id lower-case words joined by hyphens, unique in the report
 * @param title what the chart shows
 * @param categoryLabel what the categories are, such as {@code beam width}
 * @param categories at least one
 * @param valueAxis the values; bars are lengths, so it is linear and begins at 0
 * @param series the colours, at least one, one value per category each
 * @param arrangement how series of one category stand to each other
 * @param references values to compare with
 */
public record BarChart(
    String id,
    String title,
    String categoryLabel,
    List<String> categories,
    Axis valueAxis,
    List<BarSeries> series,
    Arrangement arrangement,
    List<ReferenceLine> references)
    implements Chart {
  /** How series of one category stand to each other. */
  public enum Arrangement {
    /** Side by side. */
    GROUPED,
    /** Parts of a whole; no value is negative. */
    STACKED
  }

  /** Refuses series that do not fit the categories, and an axis on which lengths would lie. */
  public BarChart {
    Names.requireId(id);
    categories = List.copyOf(categories);
    series = List.copyOf(series);
    references = List.copyOf(references);
    if (categories.isEmpty() || series.isEmpty()) {
      throw new IllegalArgumentException("a chart needs a category and a series, id=" + id);
    }
    if (valueAxis.scale() != Axis.Scale.LINEAR) {
      throw new IllegalArgumentException(
          "the length of a bar means nothing on a logarithmic axis, id=" + id);
    }
    Names.requireUnique(categories);
    Names.requireUnique(series.stream().map(BarSeries::name).toList());
    for (BarSeries bars : series) {
      if (bars.values().size() != categories.size()) {
        throw new IllegalArgumentException(
            "chart %s has %d categories but series '%s' has values=%s"
                .formatted(id, categories.size(), bars.name(), bars.values()));
      }
      if (arrangement == Arrangement.STACKED && bars.values().stream().anyMatch(v -> v < 0)) {
        throw new IllegalArgumentException(
            "chart %s stacks a negative value, series '%s' has values=%s"
                .formatted(id, bars.name(), bars.values()));
      }
    }
  }

  @Override
  public List<String> seriesNames() {
    return series.stream().map(BarSeries::name).toList();
  }

  /** Returns the values that bars are drawn for, per category where they are stacked. */
  List<Double> lengths() {
    if (arrangement == Arrangement.GROUPED) {
      return series.stream()
          .flatMap(bars -> bars.values().stream())
          .filter(Double::isFinite)
          .toList();
    }
    return IntStream.range(0, categories.size()).mapToObj(this::total).toList();
  }

  /** Returns the sum of a category's values, leaving out those that are not finite. */
  double total(int category) {
    return series.stream()
        .mapToDouble(bars -> bars.values().get(category))
        .filter(Double::isFinite)
        .sum();
  }

  @Override
  public Table data() {
    List<Column> columns = new ArrayList<>();
    columns.add(Column.words(categoryLabel));
    series.forEach(bars -> columns.add(Column.numbers(bars.name(), valueAxis.unit())));
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < categories.size(); i++) {
      List<Cell> cells = new ArrayList<>();
      cells.add(Cell.words(categories.get(i)));
      for (BarSeries bars : series) {
        double value = bars.values().get(i);
        cells.add(Double.isNaN(value) ? Cell.missing("no value") : Cell.significant(value, 4));
      }
      rows.add(new Row(cells, false));
    }
    return new Table(id + "-data", title, columns, rows);
  }

  /** Says in words what the picture shows, for those who do not see it. */
  String description() {
    return "Bars of %s by %s: %s."
        .formatted(
            valueAxis.caption(),
            categoryLabel,
            series.stream().map(BarSeries::name).collect(Collectors.joining(", ")));
  }
}
