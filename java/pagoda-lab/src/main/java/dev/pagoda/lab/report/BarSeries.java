package dev.pagoda.lab.report;

import java.util.Arrays;
import java.util.List;

/**
 * The bars, or parts of bars, of one colour.
 *
 * @param name what they show
 * @param values one per category; NaN where there is none
 */
public record BarSeries(String name, List<Double> values) {
  /** Copies the values. */
  public BarSeries {
    values = List.copyOf(values);
  }

  /**
   * Makes a series of plain numbers.
   *
   * @param name what they show
   * @param values one per category; NaN where there is none
   * @return the series
   */
  public static BarSeries of(String name, double... values) {
    return new BarSeries(name, Arrays.stream(values).boxed().toList());
  }
}
