package dev.pagoda.lab.report;

import java.util.Locale;

/** One cell of a table: what is shown, and what it is exactly. */
public sealed interface Cell {
  /**
   * Returns the cell as people read it.
   *
   * @return rounded, with groups of thousands
   */
  String shown();

  /**
   * Returns the cell as programs read it.
   *
   * @return at full precision, without groups; empty where there is no value
   */
  String exact();

  /**
   * Words.
   *
   * @param text any text
   */
  record Words(String text) implements Cell {
    @Override
    public String shown() {
      return text;
    }

    @Override
    public String exact() {
      return text;
    }
  }

  /**
   * A number.
   *
   * @param value the number at full precision
   * @param shown the number as people read it
   */
  record Numeral(double value, String shown) implements Cell {
    @Override
    public String exact() {
      return NumberText.exact(value);
    }
  }

  /**
   * A whole number, also beyond what a double holds.
   *
   * @param value the number
   */
  record Count(long value) implements Cell {
    @Override
    public String shown() {
      return String.format(Locale.ROOT, "%,d", value);
    }

    @Override
    public String exact() {
      return Long.toString(value);
    }
  }

  /**
   * Nothing, for a reason.
   *
   * @param reason why there is no value, a few words
   */
  record Missing(String reason) implements Cell {
    @Override
    public String shown() {
      return "–";
    }

    @Override
    public String exact() {
      return "";
    }
  }

  /**
   * Makes a cell of words.
   *
   * @param text any text
   * @return the cell
   */
  static Cell words(String text) {
    return new Words(text);
  }

  /**
   * Makes a cell of a whole number.
   *
   * @param value the number
   * @return the cell
   */
  static Cell count(long value) {
    return new Count(value);
  }

  /**
   * Makes a cell of a number that all rows show with the same count of decimals.
   *
   * @param value the number
   * @param decimals digits behind the point
   * @return the cell
   */
  static Cell fixed(double value, int decimals) {
    return new Numeral(value, NumberText.fixed(value, decimals));
  }

  /**
   * Makes a cell of a number whose size varies a lot from row to row.
   *
   * @param value the number
   * @param digits significant digits
   * @return the cell
   */
  static Cell significant(double value, int digits) {
    return new Numeral(value, NumberText.significant(value, digits));
  }

  /**
   * Makes a cell without a value.
   *
   * @param reason why there is none, a few words
   * @return the cell
   */
  static Cell missing(String reason) {
    return new Missing(reason);
  }
}
