package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TerminalReportTest {
  @Test
  void showsEveryCellOfEveryTableWithinAHundredColumns() {
    Report report = SampleReport.report();
    String text = TerminalReport.render(report);

    assertThat(text.lines()).allMatch(line -> line.length() <= 100);
    for (Section section : report.sections()) {
      assertThat(text).contains(section.verdict().number(), section.verdict().outcome().label());
      for (Table table : section.tables()) {
        for (Row row : table.rows()) {
          assertThat(row.cells()).allSatisfy(cell -> assertThat(text).contains(cell.shown()));
        }
      }
    }
  }

  @Test
  void columnsAlignAndTheHighlightedRowIsMarked() {
    Table table =
        new Table(
            "t",
            "A table",
            List.of(Column.words("layout"), Column.numbers("sequences that fit", "n")),
            List.of(
                Row.of(Cell.words("exact"), Cell.count(1234)),
                Row.highlighted(Cell.words("paged"), Cell.count(5))));

    assertThat(render(table))
        .endsWith(
            """
            A table
                     sequences that
                                fit
            layout              [n]
            exact             1,234
            paged *               5
            """);
  }

  @Test
  void columnsThatDoNotFitGoBelowBehindTheFirstOne() {
    List<Column> columns = new ArrayList<>(List.of(Column.words("name")));
    List<Cell> cells = new ArrayList<>(List.of(Cell.words("row")));
    IntStream.range(0, 20)
        .forEach(i -> {
          columns.add(Column.numbers("column " + i, "ms"));
          cells.add(Cell.count(1_000_000_000L + i));
        });
    String text = render(new Table("t", "T", columns, List.of(new Row(cells, false))));

    assertThat(text.lines()).allMatch(line -> line.length() <= 100);
    assertThat(text.lines().filter(line -> line.startsWith("row"))).hasSizeGreaterThan(1);
    IntStream.range(0, 20).forEach(i -> assertThat(text).contains("1,000,000,0%02d".formatted(i)));
  }

  @Test
  void longWordsAreBroken() {
    assertThat(TerminalReport.wrap("x".repeat(25) + " y", 10))
        .containsExactly("xxxxxxxxxx", "xxxxxxxxxx", "xxxxx y");
    assertThat(TerminalReport.wrap("", 10)).containsExactly("");
  }

  private static String render(Table table) {
    Section section =
        new Section(
            1,
            "s",
            "S",
            "?",
            new Verdict(Verdict.Outcome.HOLDS, "1", "So."),
            List.of(),
            List.of(),
            List.of(table),
            "");
    return TerminalReport.render(new Report("R", "", List.of(), List.of(section)))
        .replace(System.lineSeparator(), "\n");
  }
}
