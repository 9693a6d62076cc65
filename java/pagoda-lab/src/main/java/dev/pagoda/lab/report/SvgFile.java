package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A chart as an SVG file of its own, for slides and papers: the page's picture with title, legend
 * and colours of the light page inside. Needs no font on the machine that makes it.
 */
final class SvgFile {
  private static final int MARGIN = 16;
  private static final int LEGEND_LINE = 20;
  private static final int SIGN = 28; // and the gap behind it
  private static final SvgFrame.Size SIZE = SvgFrame.Size.WIDE;

  // Every viewer knows these; variables of style sheets only browsers do.
  private static final String STYLE =
      """
      text { font: 12px sans-serif; fill: #565e66; }
      .title { font-size: 15px; font-weight: 600; fill: #1d2125; }
      .mid { text-anchor: middle; }
      .end { text-anchor: end; }
      .axis { font-weight: 600; }
      .value { fill: #1d2125; font-size: 11px; }
      .inside { fill: #ffffff; font-size: 11px; font-weight: 600; }
      .grid { stroke: #e9e6df; }
      .reference { stroke: #1d2125; stroke-width: 1.25; stroke-dasharray: 5 4; }
      .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
      .marker, .bar rect { stroke: #ffffff; stroke-width: 1.25; }
      .hollow { stroke-width: 2.25; }
      """;

  private SvgFile() {}

  static String render(Chart chart) {
    List<LegendEntry> legend = legend(chart);
    int legendLines = legend.isEmpty() ? 0 : legend.getLast().line() + 1;
    int top = MARGIN + 26 + legendLines * LEGEND_LINE;
    int width = SIZE.width() + 2 * MARGIN;
    int height = top + SvgChart.height(chart, SIZE) + MARGIN;
    Markup svg = new Markup();
    svg.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "width",
        width,
        "height",
        height,
        "viewBox",
        "0 0 %d %d".formatted(width, height));
    svg.element("style", style());
    svg.empty("rect", "width", width, "height", height, "fill", "#ffffff");
    svg.element("text", chart.title(), "class", "title", "x", MARGIN, "y", MARGIN + 12);
    for (LegendEntry entry : legend) {
      int y = MARGIN + 26 + entry.line() * LEGEND_LINE;
      nested(svg, MARGIN + entry.x(), y, 22, 12).markup(entry.sign()).close();
      svg.element("text", entry.text(), "x", MARGIN + entry.x() + SIGN, "y", y + 10);
    }
    nested(svg, MARGIN, top, SIZE.width(), SvgChart.height(chart, SIZE));
    svg.markup(SvgChart.draw(chart, SIZE)).close();
    return svg.close().line().toString();
  }

  private static Markup nested(Markup svg, int x, int y, int width, int height) {
    return svg.open("svg", "x", x, "y", y, "width", width, "height", height);
  }

  private static String style() {
    StringBuilder style = new StringBuilder(STYLE);
    for (int i = 0; i < SvgFrame.NUM_LOOKS; i++) {
      String look = "." + SvgFrame.look(i);
      String colour = Palette.SERIES.get(i);
      style
          .append("%s .line, %s .hollow { stroke: %s; }%n".formatted(look, look, colour))
          .append("%s .marker, .bar%s { fill: %s; }%n".formatted(look, look, colour))
          .append("%s .hollow { fill: #ffffff; }%n".formatted(look));
    }
    return style.toString();
  }

  private record LegendEntry(String sign, String text, int line, int x) {}

  /** As many entries in a line as fit. */
  private static List<LegendEntry> legend(Chart chart) {
    List<String> texts =
        Stream.concat(
                chart.seriesNames().stream(),
                chart.references().stream().map(line -> SvgChart.caption(chart, line)))
            .toList();
    List<LegendEntry> entries = new ArrayList<>();
    if (texts.size() < 2) {
      return entries;
    }
    int line = 0;
    int x = 0;
    for (int i = 0; i < texts.size(); i++) {
      int entryWidth = SIGN + (int) SvgFrame.textWidth(texts.get(i));
      if (x > 0 && x + entryWidth > SIZE.width()) {
        line++;
        x = 0;
      }
      boolean isSeries = i < chart.seriesNames().size();
      String sign = isSeries ? SvgChart.legendSign(chart, i) : SvgChart.referenceSign();
      entries.add(new LegendEntry(sign, texts.get(i), line, x));
      x += entryWidth + 18;
    }
    return entries;
  }
}
