package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The numbers that are written along an axis, and the range that they and the values span.
 *
 * @param low value at the beginning of the axis
 * @param high value at its end, above {@code low}
 * @param values the ticks, ascending, inside the range
 */
record Ticks(double low, double high, List<Double> values) {
  /** Chooses ticks for values on an axis; there may be none of them, or all may be equal. */
  static Ticks of(Axis axis, List<Double> values, int countMax) {
    List<Double> shown = values.stream().filter(axis::shows).sorted().toList();
    double low = shown.isEmpty() ? 1 : shown.getFirst();
    double high = shown.isEmpty() ? 1 : shown.getLast();
    return switch (axis.scale()) {
      case LINEAR -> linear(low, high, countMax);
      case LOG2 -> powers(2, low, high, countMax);
      case LOG10 -> powers(10, low, high, countMax);
    };
  }

  /** Chooses ticks at 1, 2, 2.5 or 5 times a power of ten; near zero the axis begins at zero. */
  static Ticks linear(double low, double high, int countMax) {
    double from = low > 0 && low < 0.5 * high ? 0 : low;
    double to = high < 0 && high > 0.5 * low ? 0 : high;
    if (from == to) {
      double spread = from == 0 ? 1 : Math.abs(from) * 0.5;
      from -= from == 0 ? 0 : spread;
      to += spread;
    }
    double step = step((to - from) / Math.max(1, countMax - 1));
    long first = (long) Math.floor(from / step + 1e-9);
    long last = Math.max((long) Math.ceil(to / step - 1e-9), first + 1);
    return new Ticks(
        first * step,
        last * step,
        LongStream.rangeClosed(first, last).mapToObj(i -> round(i * step, step)).toList());
  }

  private static double step(double atLeast) {
    double power = Math.pow(10, Math.floor(Math.log10(atLeast)));
    for (double factor : new double[] {1, 2, 2.5, 5}) {
      if (factor * power >= atLeast * (1 - 1e-9)) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  /** Takes the noise of multiplication off a tick: 0.30000000000000004 is 0.3. */
  private static double round(double value, double step) {
    double grain = Math.pow(10, Math.floor(Math.log10(step)) - 2);
    return grain >= 1 ? value : Math.rint(value / grain) / Math.rint(1 / grain);
  }

  /** Chooses every power of the base between the values, or every n-th where they are too many. */
  private static Ticks powers(int base, double low, double high, int countMax) {
    // Bounds a little inside, so that a value on a power does not open a whole further decade.
    int first = (int) Math.floor(log(base, low) + 1e-9);
    int last = Math.max((int) Math.ceil(log(base, high) - 1e-9), first + 1);
    int stride = Math.max(1, Math.ceilDiv(last - first + 1, countMax));
    List<Double> ticks = new ArrayList<>();
    for (int i = first; i <= last; i += stride) {
      ticks.add(power(base, i));
    }
    return new Ticks(power(base, first), power(base, last), ticks);
  }

  private static double log(int base, double value) {
    return base == 10 ? Math.log10(value) : Math.log(value) / Math.log(base);
  }

  /** Math.pow(10, -3) is not the double nearest to a thousandth; its reciprocal's quotient is. */
  private static double power(int base, int exponent) {
    return exponent >= 0 ? Math.pow(base, exponent) : 1 / Math.pow(base, -exponent);
  }
}
