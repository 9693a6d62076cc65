package dev.pagoda.lab.report;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Tables as comma-separated values, as RFC 4180 has them: header line, CRLF, full precision. */
final class Csv {
  private Csv() {}

  static String render(Table table) {
    Stream<List<String>> header = Stream.of(table.columns().stream().map(Column::header).toList());
    Stream<List<String>> rows =
        table.rows().stream().map(row -> row.cells().stream().map(Cell::exact).toList());
    return Stream.concat(header, rows)
        .map(fields -> fields.stream().map(Csv::field).collect(Collectors.joining(",")))
        .collect(Collectors.joining("\r\n", "", "\r\n"));
  }

  private static String field(String text) {
    boolean quoted = text.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return quoted ? '"' + text.replace("\"", "\"\"") + '"' : text;
  }
}
