package dev.pagoda.lab.report;

/** Draws a chart as SVG, for the page and for files. */
final class SvgChart {
  private SvgChart() {}

  static String draw(Chart chart, SvgFrame.Size size) {
    return switch (chart) {
      case LineChart lines -> SvgLineChart.draw(lines, size);
      case BarChart bars -> SvgBarChart.draw(bars, size);
    };
  }

  /** How high that picture is. */
  static int height(Chart chart, SvgFrame.Size size) {
    return switch (chart) {
      case LineChart _ -> size.height();
      case BarChart bars -> SvgBarChart.height(bars, size);
    };
  }

  /** What a legend says of a reference line. */
  static String caption(Chart chart, ReferenceLine line) {
    String value = NumberText.label(line.value(), 4) + " " + chart.valueAxis().unit();
    return line.label() + ": " + value.strip();
  }

  /** Draws the sign of a series in a legend. */
  static String legendSign(Chart chart, int series) {
    Markup svg = new Markup();
    svg.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "class",
        "sign",
        "viewBox",
        chart instanceof BarChart ? "0 0 12 12" : "0 0 22 12",
        "aria-hidden",
        "true");
    switch (chart) {
      case LineChart lines -> {
        svg.open("g", "class", "series " + SvgFrame.look(series));
        svg.empty("path", "class", "line", "d", "M1 6 L21 6");
        svg.open("g", "class", "marker");
        Markers.draw(svg, series, 11, 6, 4);
        svg.close().close();
      }
      case BarChart bars -> {
        svg.open("g", "class", "bar " + SvgFrame.look(series));
        svg.empty("rect", "x", 0, "y", 0, "width", 12, "height", 12, "rx", 2).close();
      }
    }
    return svg.close().toString();
  }

  /** Draws the sign of a reference line in a legend. */
  static String referenceSign() {
    Markup svg = new Markup();
    svg.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "class",
        "sign",
        "viewBox",
        "0 0 22 12",
        "aria-hidden",
        "true");
    svg.empty("line", "class", "reference", "x1", 1, "x2", 21, "y1", 6, "y2", 6);
    return svg.close().toString();
  }
}
