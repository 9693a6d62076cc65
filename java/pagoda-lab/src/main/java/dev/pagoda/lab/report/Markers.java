package dev.pagoda.lab.report;

import java.util.Locale;

/** The shapes that mark the points of a line, one per look, in charts and legends alike. */
final class Markers {
  private Markers() {}

  static void draw(Markup svg, int series, double x, double y, double radius) {
    double r = radius;
    switch (series % SvgFrame.NUM_LOOKS) {
      case 0 -> svg.empty("circle", "cx", x, "cy", y, "r", r);
      case 1 ->
          svg.empty(
              "rect", "x", x - 0.9 * r, "y", y - 0.9 * r, "width", 1.8 * r, "height", 1.8 * r);
      case 2 -> polygon(svg, x, y - 1.2 * r, x + 1.15 * r, y + 0.9 * r, x - 1.15 * r, y + 0.9 * r);
      case 3 -> polygon(svg, x, y - 1.3 * r, x + 1.3 * r, y, x, y + 1.3 * r, x - 1.3 * r, y);
      case 4 -> polygon(svg, x, y + 1.2 * r, x + 1.15 * r, y - 0.9 * r, x - 1.15 * r, y - 0.9 * r);
      default -> svg.empty("circle", "class", "hollow", "cx", x, "cy", y, "r", 0.9 * r);
    }
  }

  private static void polygon(Markup svg, double... corners) {
    StringBuilder points = new StringBuilder();
    for (int i = 0; i < corners.length; i += 2) {
      points
          .append(points.isEmpty() ? "" : " ")
          .append(String.format(Locale.ROOT, "%.2f,%.2f", corners[i], corners[i + 1]));
    }
    svg.empty("polygon", "points", points.toString());
  }
}
