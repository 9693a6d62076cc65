package dev.pagoda.lab.report;

import java.util.List;

/**
 * A row of a table.
 *
 * @param cells one per column
 * @param highlighted whether it is the row that the text speaks of
 */
public record Row(List<Cell> cells, boolean highlighted) {
  /** Copies the cells. */
  public Row {
    cells = List.copyOf(cells);
  }

  /**
   * Makes a row like any other.
   *
   * @param cells one per column
   * @return the row
   */
  public static Row of(Cell... cells) {
    return new Row(List.of(cells), false);
  }

  /**
   * Makes the row that the text speaks of.
   *
   * @param cells one per column
   * @return the row
   */
  public static Row highlighted(Cell... cells) {
    return new Row(List.of(cells), true);
  }
}
