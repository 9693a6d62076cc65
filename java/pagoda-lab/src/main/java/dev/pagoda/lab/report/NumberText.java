package dev.pagoda.lab.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Numbers as text, the same in every locale. */
final class NumberText {
  private NumberText() {}

  /** Returns the shortest text that reads back as the same number: what files and raw data get. */
  static String exact(double value) {
    if (value == Math.rint(value) && Math.abs(value) < 1e15) {
      return Long.toString((long) value);
    }
    return Double.toString(value);
  }

  /** Returns the number with a fixed count of decimals and groups of thousands. */
  static String fixed(double value, int decimals) {
    if (!Double.isFinite(value)) {
      return notFinite(value);
    }
    String text = String.format(Locale.ROOT, "%,." + decimals + "f", value);
    // A small negative number must not be shown as minus nothing.
    return text.matches("-[0.,]*") ? text.substring(1) : text;
  }

  /** Returns the number with so many significant digits, in scientific notation where need be. */
  static String significant(double value, int digits) {
    if (!Double.isFinite(value)) {
      return notFinite(value);
    }
    if (value == 0) {
      return "0";
    }
    double magnitude = Math.abs(value);
    if (magnitude < 1e-4 || magnitude >= 1e9) {
      return shortExponent(String.format(Locale.ROOT, "%." + (digits - 1) + "e", value));
    }
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(digits, RoundingMode.HALF_UP));
    int digitsBeforePoint = rounded.precision() - rounded.scale();
    int decimals = Math.max(0, digits - digitsBeforePoint);
    return String.format(Locale.ROOT, "%,." + decimals + "f", rounded);
  }

  /** Returns a short label for a value in a chart: so many digits, without zeros at their end. */
  static String label(double value, int digits) {
    boolean count = value == Math.rint(value) && Math.abs(value) < 1e6;
    return count
        ? fixed(value, 0)
        : significant(value, digits).replaceFirst("(\\.\\d*?)0+$", "$1").replaceFirst("\\.$", "");
  }

  /** Returns a short label for a tick of an axis: no digit more than the value has. */
  static String tick(double value) {
    double magnitude = Math.abs(value);
    if (magnitude != 0 && (magnitude < 1e-3 || magnitude >= 1e9)) {
      String text = shortExponent(String.format(Locale.ROOT, "%.2e", value));
      return text.replaceFirst("\\.?0+e", "e");
    }
    for (int decimals = 0; decimals < 6; decimals++) {
      String text = fixed(value, decimals);
      if (Math.abs(Double.parseDouble(text.replace(",", "")) - value) <= magnitude * 1e-9) {
        return text;
      }
    }
    return fixed(value, 6);
  }

  /** Java writes 1.2e-07 and 1.2e+12; people write 1.2e-7 and 1.2e12. */
  private static String shortExponent(String scientific) {
    return scientific.replaceFirst("e([+-])0*(\\d)", "e$1$2").replace("e+", "e");
  }

  private static String notFinite(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return value > 0 ? "∞" : "-∞";
  }
}
