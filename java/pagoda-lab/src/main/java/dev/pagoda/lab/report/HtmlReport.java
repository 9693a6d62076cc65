package dev.pagoda.lab.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * A report as one page that needs nothing else: style and charts are in it, there is no script, and
 * no address is asked for anything. It follows the reader's choice of light or dark and the width
 * of the screen.
 */
public final class HtmlReport {
  private final Markup html = new Markup();

  private HtmlReport() {}

  /**
   * Renders a report.
   *
   * @param report what to show
   * @return the page, well-formed as XML too
   */
  public static String render(Report report) {
    HtmlReport page = new HtmlReport();
    page.page(report);
    return "<!DOCTYPE html>\n" + page.html + "\n";
  }

  private void page(Report report) {
    html.open("html", "lang", "en", "xmlns", "http://www.w3.org/1999/xhtml");
    html.open("head").empty("meta", "charset", "utf-8");
    html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "color-scheme", "content", "light dark");
    html.element("title", report.title());
    html.open("style").markup(style()).close().close().line();
    html.open("body").open("div", "class", "page");
    header(report);
    contents(report);
    html.open("main");
    findings(report);
    facts(report);
    report.sections().forEach(this::section);
    html.close();
    html.open("footer")
        .text(
            "Every number on this page was measured or counted on the library itself, but for"
                + " those that are called modelled or published.")
        .close();
    html.close().close().close();
  }

  private static String style() {
    try (InputStream css =
        Objects.requireNonNull(
            HtmlReport.class.getResourceAsStream("report.css"), "report.css is not in the jar")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void header(Report report) {
    html.open("header");
    html.element("p", "Pagoda report", "class", "eyebrow");
    html.element("h1", report.title());
    html.open("p", "class", "lede").prose(report.subtitle()).close();
    html.close().line();
  }

  private void contents(Report report) {
    html.open("nav", "aria-label", "Contents").element("h2", "Contents").open("ul");
    contentsEntry("found", "What we found");
    contentsEntry("where", "Where it was measured");
    report.sections().forEach(section -> contentsEntry(section.id(), section.title()));
    html.close().close().line();
  }

  private void contentsEntry(String id, String title) {
    html.open("li").element("a", title, "href", "#" + id).close();
  }

  private void findings(Report report) {
    html.open("section", "id", "found", "class", "found").element("h2", "What we found");
    html.open("ul");
    for (Section section : report.sections()) {
      Verdict verdict = section.verdict();
      html.open("li").open("a", "href", "#" + section.id());
      html.element("span", section.title(), "class", "what");
      html.element("span", verdict.number(), "class", "number");
      html.open("span", "class", "sentence").prose(verdict.sentence()).close();
      outcome(verdict.outcome());
      html.close().close().line();
    }
    html.close().close();
  }

  private void outcome(Verdict.Outcome outcome) {
    html.element(
        "span",
        outcome.sign() + " " + outcome.label(),
        "class",
        "outcome " + outcome.name().toLowerCase(Locale.ROOT));
  }

  private void facts(Report report) {
    html.open("section", "id", "where", "class", "where");
    html.element("h2", "Where it was measured").open("dl");
    for (Fact fact : report.facts()) {
      html.open("div").element("dt", fact.name()).element("dd", fact.value()).close();
    }
    html.close().close().line();
  }

  private void section(Section section) {
    Verdict verdict = section.verdict();
    html.open("section", "id", section.id(), "class", "experiment");
    html.element("p", "Experiment " + section.number(), "class", "eyebrow");
    html.element("h2", section.title());
    html.open("p", "class", "question").prose(section.question()).close();
    html.open("div", "class", "verdict " + verdict.outcome().name().toLowerCase(Locale.ROOT));
    html.element("span", verdict.number(), "class", "number");
    html.open("span", "class", "sentence").prose(verdict.sentence()).close();
    outcome(verdict.outcome());
    html.close();
    html.open("div", "class", "prose");
    section.paragraphs().forEach(paragraph -> html.open("p").prose(paragraph).close());
    html.close().line();
    exhibits(section);
    html.open("div", "class", "method").element("h3", "How it was measured");
    html.open("p").prose(section.method()).close().close();
    rawData(section);
    html.close().line();
  }

  /** Shows chart n beside table n, and what is left over on its own. */
  private void exhibits(Section section) {
    List<Chart> charts = section.charts();
    List<Table> tables = section.tables();
    for (int i = 0; i < Math.max(charts.size(), tables.size()); i++) {
      boolean pair = i < charts.size() && i < tables.size();
      // A wide table beside a chart would have to be scrolled; below it, it need not be.
      boolean beside = pair && tables.get(i).columns().size() <= 5;
      html.open("div", "class", beside ? "exhibit beside" : "exhibit");
      if (i < charts.size()) {
        chart(charts.get(i));
      }
      if (i < tables.size()) {
        table(tables.get(i));
      }
      html.close().line();
    }
  }

  private void chart(Chart chart) {
    html.open("figure").element("figcaption", chart.title());
    legend(chart);
    html.markup(SvgChart.draw(chart, SvgFrame.Size.WIDE));
    html.markup(SvgChart.draw(chart, SvgFrame.Size.NARROW));
    if (chart instanceof LineChart lines && lines.numHidden() > 0) {
      html.element(
          "p",
          "Points without a place on these axes, in the raw data alone: %d"
              .formatted(lines.numHidden()),
          "class",
          "hidden-points");
    }
    html.close();
  }

  /** Names series and reference lines here, where no line and no bar can cross the words. */
  private void legend(Chart chart) {
    if (chart.seriesNames().size() < 2 && chart.references().isEmpty()) {
      return;
    }
    html.open("ul", "class", "legend");
    for (int i = 0; i < chart.seriesNames().size(); i++) {
      html.open("li").markup(SvgChart.legendSign(chart, i));
      html.text(chart.seriesNames().get(i)).close();
    }
    for (ReferenceLine line : chart.references()) {
      html.open("li").markup(SvgChart.referenceSign());
      html.text(SvgChart.caption(chart, line)).close();
    }
    html.close();
  }

  private void table(Table table) {
    html.open("div", "class", "table").element("h3", table.title());
    html.open("div", "class", "scroll");
    cells(table, false);
    html.close().close();
  }

  private void cells(Table table, boolean exact) {
    html.open("table").open("thead").open("tr");
    for (Column column : table.columns()) {
      html.open("th", "scope", "col", "class", alignment(column)).text(column.name());
      if (!column.unit().isEmpty()) {
        html.text(" ").element("span", column.unit(), "class", "unit");
      }
      html.close();
    }
    html.close().close().open("tbody");
    for (Row row : table.rows()) {
      html.open("tr", "class", row.highlighted() ? "highlighted" : "plain");
      for (int i = 0; i < row.cells().size(); i++) {
        Cell cell = row.cells().get(i);
        html.open("td", "class", alignment(table.columns().get(i)));
        if (cell instanceof Cell.Missing missing && !exact) {
          html.element("span", missing.shown(), "class", "missing", "title", missing.reason());
        } else {
          html.text(exact ? cell.exact() : cell.shown());
        }
        html.close();
      }
      html.close();
    }
    html.close().close();
  }

  private static String alignment(Column column) {
    return column.alignment() == Column.Alignment.END ? "end" : "start";
  }

  /** Every number at full precision, to be read here or saved: the page may travel alone. */
  private void rawData(Section section) {
    html.open("details").element("summary", "Raw data");
    section
        .data()
        .forEach(table -> {
          String csv =
              Base64.getEncoder()
                  .encodeToString(Csv.render(table).getBytes(StandardCharsets.UTF_8));
          html.open("div", "class", "raw").element("h3", table.title());
          html.element(
              "a",
              "save as " + table.id() + ".csv",
              "download",
              table.id() + ".csv",
              "href",
              "data:text/csv;charset=utf-8;base64," + csv);
          html.open("div", "class", "scroll");
          cells(table, true);
          html.close().close().line();
        });
    html.close();
  }
}
