package dev.pagoda.lab.report;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * What all our SVG charts share: size, margins, grid, axis labels, reference lines.
 *
 * <p>Colours are not set here but by classes ({@code s0}, {@code s1}, ... for series), so that a
 * page gives them by its own style, light or dark. Text is set in pixels of the picture: a chart is
 * drawn once for wide columns and once for phones, not scaled down until nobody can read it.
 */
final class SvgFrame {
  /** Series beyond these repeat their look. */
  static final int NUM_LOOKS = 6;

  /** How large a chart is drawn. */
  enum Size {
    WIDE(620, 340),
    NARROW(340, 300);

    private final int width;
    private final int height;

    Size(int width, int height) {
      this.width = width;
      this.height = height;
    }

    int width() {
      return width;
    }

    int height() {
      return height;
    }
  }

  /** Width of a character of 12 px, a little more than most. */
  private static final double CHARACTER = 6.8;

  private SvgFrame() {}

  static double textWidth(String text) {
    return text.length() * CHARACTER;
  }

  static String shortened(String text, double width) {
    int fitting = Math.max(1, (int) (width / CHARACTER));
    return text.length() <= fitting ? text : text.substring(0, fitting - 1) + "…";
  }

  static double widestLabel(Ticks ticks) {
    return ticks.values().stream()
        .mapToDouble(tick -> textWidth(NumberText.tick(tick)))
        .max()
        .orElse(0);
  }

  /** Opens the picture and names it for screen readers. */
  static Markup open(Chart chart, String description, Size size, int height) {
    Markup svg = new Markup();
    String id = chart.id() + "-" + size.name().toLowerCase(Locale.ROOT);
    svg.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "class",
        "chart " + size.name().toLowerCase(Locale.ROOT),
        "viewBox",
        "0 0 %d %d".formatted(size.width(), height),
        "role",
        "img",
        "aria-labelledby",
        id + "-title " + id + "-desc");
    svg.element("title", chart.title(), "id", id + "-title");
    svg.element("desc", description, "id", id + "-desc");
    return svg;
  }

  /** Draws horizontal grid lines with their numbers at the left, and the caption above them. */
  static void verticalAxis(Markup svg, Axis axis, AxisMap map, double left, double right) {
    svg.element("text", axis.caption(), "class", "axis", "x", 2.0, "y", 13.0);
    for (double tick : map.ticks().values()) {
      double y = map.at(tick);
      svg.empty("line", "class", "grid", "x1", left, "x2", right, "y1", y, "y2", y);
      svg.element("text", NumberText.tick(tick), "class", "tick end", "x", left - 8, "y", y + 4);
    }
  }

  /** Draws vertical grid lines with their numbers below, as many as fit, and the caption. */
  static void horizontalAxis(Markup svg, Axis axis, AxisMap map, double top, double bottom) {
    double free = Double.NEGATIVE_INFINITY;
    for (double tick : map.ticks().values()) {
      double x = map.at(tick);
      svg.empty("line", "class", "grid", "x1", x, "x2", x, "y1", top, "y2", bottom);
      String label = NumberText.tick(tick);
      double half = textWidth(label) / 2;
      if (x - half >= free) {
        svg.element("text", label, "class", "tick mid", "x", x, "y", bottom + 18);
        free = x + half + 6;
      }
    }
    caption(svg, axis.caption(), (map.begin() + map.end()) / 2, bottom + 38);
  }

  static void caption(Markup svg, String caption, double x, double y) {
    svg.element("text", caption, "class", "axis mid", "x", x, "y", y);
  }

  /** Returns values together with the reference lines, all of which an axis must reach. */
  static List<Double> withReferences(List<Double> values, Chart chart) {
    return Stream.concat(values.stream(), chart.references().stream().map(ReferenceLine::value))
        .toList();
  }

  static String look(int series) {
    return "s" + series % NUM_LOOKS;
  }
}
