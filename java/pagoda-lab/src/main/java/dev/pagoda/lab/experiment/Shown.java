package dev.pagoda.lab.experiment;

import java.util.Locale;

/** Numbers inside sentences, the same in every locale. */
final class Shown {
  private Shown() {}

  /** A share as a percentage with one decimal. */
  static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", share * 100);
  }

  /** A ratio with as many decimals as say something. */
  static String times(double ratio) {
    int decimals = ratio < 3 ? 2 : ratio < 30 ? 1 : 0;
    return String.format(Locale.ROOT, "%,." + decimals + "f times", ratio);
  }

  /** A number with groups of thousands. */
  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** A number with a count of decimals. */
  static String fixed(double number, int decimals) {
    return String.format(Locale.ROOT, "%,." + decimals + "f", number);
  }

  /** A small number in powers of ten. */
  static String scientific(double number) {
    return number == 0
        ? "0"
        : String.format(Locale.ROOT, "%.1e", number).replaceFirst("e([+-])0+", "e$1");
  }

  /** A time in the unit that suits it. */
  static String time(double nanos) {
    if (nanos < 1e3) {
      return fixed(nanos, 0) + " ns";
    }
    if (nanos < 1e6) {
      return fixed(nanos / 1e3, nanos < 1e4 ? 1 : 0) + " µs";
    }
    return nanos < 1e9
        ? fixed(nanos / 1e6, nanos < 1e7 ? 2 : 0) + " ms"
        : fixed(nanos / 1e9, 2) + " s";
  }
}
