package dev.pagoda.lab.report;

import java.util.List;

/**
 * A table of an experiment.
 *
 * @param id lower-case words joined by hyphens, unique in the report; names the CSV file
 * @param title what the table shows
 * @param columns at least one
 * @param rows one cell per column each
 */
public record Table(String id, String title, List<Column> columns, List<Row> rows) {
  /** Refuses rows that do not fit the columns. */
  public Table {
    Names.requireId(id);
    columns = List.copyOf(columns);
    rows = List.copyOf(rows);
    if (columns.isEmpty()) {
      throw new IllegalArgumentException("a table needs a column, id=" + id);
    }
    for (Row row : rows) {
      if (row.cells().size() != columns.size()) {
        throw new IllegalArgumentException(
            "table %s has %d columns but a row with cells=%s"
                .formatted(id, columns.size(), row.cells()));
      }
    }
  }
}
