package dev.pagoda.lab.report;

/**
 * A column of a table.
 *
 * @param name what it holds
 * @param unit of its numbers, empty for words and plain counts
 * @param alignment where its cells stand
 */
public record Column(String name, String unit, Alignment alignment) {
  /** Where cells stand. */
  public enum Alignment {
    /** At the left: words. */
    START,
    /** At the right: numbers, so that digits of one value stand below each other. */
    END
  }

  /**
   * Makes a column of words.
   *
   * @param name what it holds
   * @return the column
   */
  public static Column words(String name) {
    return new Column(name, "", Alignment.START);
  }

  /**
   * Makes a column of plain numbers.
   *
   * @param name what it holds
   * @return the column
   */
  public static Column numbers(String name) {
    return new Column(name, "", Alignment.END);
  }

  /**
   * Makes a column of numbers with a unit.
   *
   * @param name what it holds
   * @param unit the unit, such as {@code %}
   * @return the column
   */
  public static Column numbers(String name, String unit) {
    return new Column(name, unit, Alignment.END);
  }

  /** Returns name and unit on one line, as files and the terminal show them. */
  String header() {
    return unit.isEmpty() ? name : name + " [" + unit + "]";
  }
}
