package dev.pagoda.lab.report;

import java.util.Comparator;
import java.util.List;

/**
 * A line.
 *
 * @param name what it shows
 * @param points sorted by x, with no x twice
 */
public record Series(String name, List<Point> points) {
  /** Sorts the points and refuses two at one x. */
  public Series {
    points = points.stream().sorted(Comparator.comparingDouble(Point::x)).toList();
    for (int i = 1; i < points.size(); i++) {
      if (points.get(i - 1).x() == points.get(i).x()) {
        throw new IllegalArgumentException(
            "series '%s' has two points at x=%s".formatted(name, points.get(i).x()));
      }
    }
  }
}
