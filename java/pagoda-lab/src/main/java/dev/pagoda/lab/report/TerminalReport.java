package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A report as plain text of at most 100 columns: verdicts and tables, no boxes, no colours. */
public final class TerminalReport {
  static final int WIDTH = 100;

  private static final String GAP = "  ";
  private static final int WORDS_MAX = 40;

  private final StringBuilder text = new StringBuilder();

  private TerminalReport() {}

  /**
   * Renders a report.
   *
   * @param report what to show
   * @return lines of at most 100 characters
   */
  public static String render(Report report) {
    TerminalReport terminal = new TerminalReport();
    terminal.paragraph(report.title(), "");
    terminal.facts(report.facts());
    report.sections().forEach(terminal::section);
    return terminal.text.toString();
  }

  private void facts(List<Fact> facts) {
    int width = facts.stream().mapToInt(fact -> fact.name().length()).max().orElse(0);
    for (Fact fact : facts) {
      List<String> lines = wrap(fact.value(), WIDTH - width - GAP.length());
      for (int i = 0; i < lines.size(); i++) {
        line(padEnd(i == 0 ? fact.name() : "", width) + GAP + lines.get(i));
      }
    }
  }

  private void section(Section section) {
    Verdict verdict = section.verdict();
    line("");
    paragraph(section.number() + "  " + section.title(), "");
    paragraph(
        "[%s] %s: %s".formatted(verdict.outcome().label(), verdict.number(), verdict.sentence()),
        "   ");
    section.tables().forEach(this::table);
  }

  /** Prints a table; columns that do not fit go below, behind the first column once more. */
  private void table(Table table) {
    line("");
    paragraph(table.title(), "");
    List<List<String>> columns =
        IntStream.range(0, table.columns().size()).mapToObj(i -> column(table, i)).toList();
    int from = 1;
    do {
      List<Integer> chosen = new ArrayList<>(List.of(0));
      int width = width(columns.getFirst());
      while (from < columns.size()
          && (chosen.size() == 1 || width + GAP.length() + width(columns.get(from)) <= WIDTH)) {
        width += GAP.length() + width(columns.get(from));
        chosen.add(from++);
      }
      rows(table, columns, chosen);
    } while (from < columns.size());
  }

  private void rows(Table table, List<List<String>> columns, List<Integer> chosen) {
    int headerLines = headerLines(table, chosen);
    for (int row = -headerLines; row < table.rows().size(); row++) {
      StringBuilder line = new StringBuilder();
      for (int column : chosen) {
        List<String> cells = columns.get(column);
        int width = width(cells);
        String cell =
            row < 0
                ? headerLine(table.columns().get(column), row + headerLines, headerLines)
                : cells.get(row + maxHeaderLines(table));
        line.append(line.isEmpty() ? "" : GAP)
            .append(
                table.columns().get(column).alignment() == Column.Alignment.END
                    ? " ".repeat(width - cell.length()) + cell
                    : padEnd(cell, width));
      }
      line(line.toString());
    }
  }

  /** Returns the header lines and then the cells of a column, as they are printed. */
  private static List<String> column(Table table, int index) {
    Column column = table.columns().get(index);
    int headerLines = maxHeaderLines(table);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < headerLines; i++) {
      lines.add(headerLine(column, i, headerLines));
    }
    for (Row row : table.rows()) {
      String shown = row.cells().get(index).shown();
      String cell = shown.length() <= WORDS_MAX ? shown : shown.substring(0, WORDS_MAX - 1) + "…";
      lines.add(index == 0 && row.highlighted() ? cell + " *" : cell);
    }
    return lines;
  }

  /** Headers stand at the bottom: the unit always in the last line, words above it. */
  private static String headerLine(Column column, int line, int headerLines) {
    List<String> words = headerWords(column);
    int skip = headerLines - words.size();
    return line < skip ? "" : words.get(line - skip);
  }

  private static List<String> headerWords(Column column) {
    List<String> words = new ArrayList<>(wrap(column.name(), 14));
    if (!column.unit().isEmpty()) {
      words.add("[" + column.unit() + "]");
    }
    return words;
  }

  private static int headerLines(Table table, List<Integer> chosen) {
    return chosen.stream()
        .mapToInt(column -> headerWords(table.columns().get(column)).size())
        .max()
        .orElse(0);
  }

  private static int maxHeaderLines(Table table) {
    return headerLines(table, IntStream.range(0, table.columns().size()).boxed().toList());
  }

  private static int width(List<String> lines) {
    return lines.stream().mapToInt(String::length).max().orElse(0);
  }

  private void paragraph(String paragraph, String indent) {
    wrap(paragraph, WIDTH - indent.length()).forEach(part -> line(indent + part));
  }

  private void line(String line) {
    text.append(line.stripTrailing()).append(System.lineSeparator());
  }

  private static String padEnd(String cell, int width) {
    return cell + " ".repeat(Math.max(0, width - cell.length()));
  }

  /** Breaks text at spaces; a word longer than a line is cut. */
  static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.strip().split("\\s+", -1)) {
      String rest = word;
      if (!line.isEmpty() && line.length() + 1 + rest.length() > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      while (rest.length() > width) {
        lines.add(rest.substring(0, width));
        rest = rest.substring(width);
      }
      line.append(line.isEmpty() ? "" : " ").append(rest);
    }
    lines.add(line.toString());
    return lines.stream().collect(Collectors.toList());
  }
}
