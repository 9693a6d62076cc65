package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Values over a quantity.
 *
 * <p>A point that has no place on its axes, such as an error of exactly 0 on a logarithmic one, is
 * left out of the picture and counted in its caption; the data have it.
 *
 * @param id lower-case words joined by hyphens, unique in the report
 * @param title what the chart shows
 * @param xAxis the quantity
 * @param valueAxis the values
 * @param series the lines, at least one
 * @param references values to compare with
 */
public record LineChart(
    String id,
    String title,
    Axis xAxis,
    Axis valueAxis,
    List<Series> series,
    List<ReferenceLine> references)
    implements Chart {
  /** Refuses a chart without lines, and two lines of one name. */
  public LineChart {
    Names.requireId(id);
    series = List.copyOf(series);
    references = List.copyOf(references);
    if (series.isEmpty()) {
      throw new IllegalArgumentException("a chart needs a series, id=" + id);
    }
    Names.requireUnique(series.stream().map(Series::name).toList());
  }

  @Override
  public List<String> seriesNames() {
    return series.stream().map(Series::name).toList();
  }

  boolean shows(Point point) {
    return xAxis.shows(point.x()) && valueAxis.shows(point.y());
  }

  /** Returns how many points the picture leaves out. */
  long numHidden() {
    return series.stream().flatMap(line -> line.points().stream()).filter(p -> !shows(p)).count();
  }

  @Override
  public Table data() {
    List<Column> columns = new ArrayList<>();
    columns.add(Column.numbers(xAxis.label(), xAxis.unit()));
    List<Map<Double, Double>> lines = new ArrayList<>();
    TreeSet<Double> xs = new TreeSet<>();
    for (Series line : series) {
      columns.add(Column.numbers(line.name(), valueAxis.unit()));
      Map<Double, Double> values = new HashMap<>();
      line.points().forEach(point -> values.put(point.x(), point.y()));
      lines.add(values);
      xs.addAll(values.keySet());
    }
    List<Row> rows = new ArrayList<>();
    for (double x : xs) {
      List<Cell> cells = new ArrayList<>();
      cells.add(new Cell.Numeral(x, NumberText.tick(x)));
      for (Map<Double, Double> values : lines) {
        Double y = values.get(x);
        cells.add(y == null ? Cell.missing("no point here") : Cell.significant(y, 4));
      }
      rows.add(new Row(cells, false));
    }
    return new Table(id + "-data", title, columns, rows);
  }

  /** Says in words what the picture shows, for those who do not see it. */
  String description() {
    return "Lines of %s over %s: %s."
        .formatted(
            valueAxis.caption(),
            xAxis.caption(),
            series.stream().map(Series::name).collect(Collectors.joining(", ")));
  }
}
