package dev.pagoda.lab.report;

import java.util.List;
import java.util.Locale;

/** Draws lines. Each has its own colour and its own marker, so that none relies on colour. */
final class SvgLineChart {
  /** With more points than these, markers would hide the line. */
  private static final int MARKED_POINTS_MAX = 40;

  private final LineChart chart;
  private final Markup svg;
  private final AxisMap xMap;
  private final AxisMap yMap;

  private SvgLineChart(LineChart chart, SvgFrame.Size size) {
    this.chart = chart;
    boolean wide = size == SvgFrame.Size.WIDE;
    List<Point> points =
        chart.series().stream()
            .flatMap(series -> series.points().stream())
            .filter(chart::shows)
            .toList();
    Ticks xTicks = Ticks.of(chart.xAxis(), points.stream().map(Point::x).toList(), wide ? 11 : 7);
    Ticks yTicks = valueTicks(chart, wide ? 7 : 6);
    double left = SvgFrame.widestLabel(yTicks) + 14;
    double top = 30;
    double bottom = size.height() - 48.0;
    double right = size.width() - 18.0;
    xMap = new AxisMap(chart.xAxis().scale(), xTicks, left, right);
    yMap = new AxisMap(chart.valueAxis().scale(), yTicks, bottom, top);
    svg = SvgFrame.open(chart, chart.description(), size, size.height());
    SvgFrame.verticalAxis(svg, chart.valueAxis(), yMap, left, right);
    SvgFrame.horizontalAxis(svg, chart.xAxis(), xMap, top, bottom);
  }

  /** Chooses a range that holds every point and every reference line. */
  static Ticks valueTicks(LineChart chart, int countMax) {
    List<Double> values =
        chart.series().stream()
            .flatMap(series -> series.points().stream())
            .filter(chart::shows)
            .map(Point::y)
            .toList();
    return Ticks.of(chart.valueAxis(), SvgFrame.withReferences(values, chart), countMax);
  }

  static String draw(LineChart chart, SvgFrame.Size size) {
    SvgLineChart drawing = new SvgLineChart(chart, size);
    chart.references().forEach(drawing::reference);
    for (int i = 0; i < chart.series().size(); i++) {
      drawing.series(chart.series().get(i), i);
    }
    return drawing.svg.close().toString();
  }

  private void reference(ReferenceLine line) {
    if (!chart.valueAxis().shows(line.value())) {
      return;
    }
    double y = yMap.at(line.value());
    svg.empty("line", "class", "reference", "x1", xMap.begin(), "x2", xMap.end(), "y1", y, "y2", y);
  }

  private void series(Series series, int index) {
    List<Point> points = series.points().stream().filter(chart::shows).toList();
    if (points.isEmpty()) {
      return;
    }
    svg.open("g", "class", "series " + SvgFrame.look(index));
    StringBuilder path = new StringBuilder();
    for (Point point : points) {
      path.append(path.isEmpty() ? "M" : " L")
          .append(String.format(Locale.ROOT, "%.2f %.2f", xMap.at(point.x()), yMap.at(point.y())));
    }
    svg.empty("path", "class", "line", "d", path.toString());
    if (points.size() <= MARKED_POINTS_MAX) {
      for (Point point : points) {
        String hint =
            "%s: %s at %s"
                .formatted(
                    series.name(),
                    quantity(point.y(), chart.valueAxis()),
                    quantity(point.x(), chart.xAxis()));
        svg.open("g", "class", "marker");
        Markers.draw(svg, index, xMap.at(point.x()), yMap.at(point.y()), 4.2);
        svg.element("title", hint).close();
      }
    }
    svg.close();
  }

  private static String quantity(double value, Axis axis) {
    String number = NumberText.label(value, 4);
    return axis.unit().isEmpty() ? axis.label() + " " + number : number + " " + axis.unit();
  }
}
