package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class HtmlReportTest {
  private final Report report = SampleReport.report();
  private final String page = HtmlReport.render(report);
  private final Document document = Xml.parse(page.substring(page.indexOf('\n')));

  @Test
  void everyNumberOfTheModelIsOnThePage() {
    List<String> cells = texts("td");
    for (Section section : report.sections()) {
      section
          .data()
          .flatMap(table -> table.rows().stream())
          .flatMap(row -> row.cells().stream())
          .forEach(cell -> assertThat(cells).contains(cell.exact()));
      section.tables().stream()
          .flatMap(table -> table.rows().stream())
          .flatMap(row -> row.cells().stream())
          .forEach(cell -> assertThat(cells).contains(cell.shown()));
      assertThat(texts("span")).contains(section.verdict().number());
    }
  }

  @Test
  void everyFactAndEverySentenceIsOnThePage() {
    String text = document.getDocumentElement().getTextContent().replace('\u00a0', ' ');
    report
        .facts()
        .forEach(fact -> {
          assertThat(texts("dt")).contains(fact.name());
          assertThat(texts("dd")).contains(fact.value());
        });
    for (Section section : report.sections()) {
      assertThat(text)
          .contains(section.title(), section.question(), section.method())
          .contains(section.verdict().sentence());
      section.paragraphs().forEach(p -> assertThat(text).contains(p.replace("`", "")));
    }
  }

  @Test
  void contentsAndFindingsLeadToSectionsThatAreThere() {
    Set<String> ids = new HashSet<>();
    elements("*")
        .filter(element -> element.hasAttribute("id"))
        .forEach(element -> assertThat(ids.add(element.getAttribute("id"))).isTrue());
    List<String> targets =
        elements("a")
            .map(link -> link.getAttribute("href"))
            .filter(href -> href.startsWith("#"))
            .map(href -> href.substring(1))
            .toList();
    assertThat(ids).containsAll(targets);
    assertThat(targets).contains("found", "where", "correctness", "memory", "beams", "block-size");
  }

  @Test
  void thePageAsksNobodyForAnything() {
    elements("*")
        .forEach(element -> {
          assertThat(element.getTagName()).isNotIn("script", "link", "img", "iframe", "object");
          for (String attribute : List.of("src", "href", "action", "style")) {
            assertThat(element.getAttribute(attribute))
                .satisfiesAnyOf(
                    value -> assertThat(value).isEmpty(),
                    value -> assertThat(value).startsWith("#"),
                    value -> assertThat(value).startsWith("data:text/csv;"));
          }
        });
    assertThat(elements("style").map(Element::getTextContent))
        .singleElement()
        .asString()
        .doesNotContain("@import", "url(", "http")
        .contains("prefers-color-scheme: dark");
  }

  @Test
  void chartsAreNamedForThoseWhoDoNotSeeThem() {
    List<Element> charts =
        elements("svg").filter(svg -> svg.getAttribute("role").equals("img")).toList();
    assertThat(charts).hasSize(8);
    for (Element chart : charts) {
      String[] ids = chart.getAttribute("aria-labelledby").split(" ", -1);
      assertThat(ids).hasSize(2);
      assertThat(((Element) chart.getFirstChild()).getAttribute("id")).isEqualTo(ids[0]);
      assertThat(chart.getFirstChild().getTextContent()).isNotBlank();
    }
    assertThat(texts("figcaption")).contains("Where the KV memory goes");
    assertThat(texts("li")).contains("published for paging: 96.3 %");
  }

  @Test
  void savedRawDataAreTheCsvFile() {
    Table table = report.sections().get(1).tables().getFirst();
    Element link =
        elements("a")
            .filter(a -> a.getAttribute("download").equals("memory-table.csv"))
            .findFirst()
            .orElseThrow();
    String data = link.getAttribute("href").replaceFirst(".*base64,", "");
    assertThat(Base64.getDecoder().decode(data)).asString().isEqualTo(Csv.render(table));
  }

  @Test
  void pointsWithoutAPlaceAreCounted() {
    assertThat(texts("p"))
        .contains("Points without a place on these axes, in the raw data alone: 1");
  }

  @Test
  void textIsNeverMarkup() {
    String hostile = "<script>alert('x')</script>&\"\u0000\u001b[31m\ud800";
    Table table =
        new Table(
            "t",
            hostile,
            List.of(new Column(hostile, hostile, Column.Alignment.END)),
            List.of(Row.of(Cell.words(hostile)), Row.of(Cell.missing(hostile))));
    Axis axis = Axis.linear(hostile, hostile);
    ReferenceLine reference = new ReferenceLine(hostile, 1);
    Chart lines =
        new LineChart(
            "l",
            hostile,
            axis,
            axis,
            List.of(new Series(hostile, List.of(new Point(1, 1)))),
            List.of(reference));
    Chart bars =
        new BarChart(
            "b",
            hostile,
            hostile,
            List.of(hostile),
            axis,
            List.of(BarSeries.of(hostile, 1)),
            BarChart.Arrangement.GROUPED,
            List.of(reference));
    Section section =
        new Section(
            1,
            "s",
            hostile,
            hostile,
            new Verdict(Verdict.Outcome.FAILED, hostile, hostile),
            List.of(hostile, "`" + hostile + "`", "`"),
            List.of(lines, bars),
            List.of(table),
            hostile);
    String html =
        HtmlReport.render(
            new Report(hostile, hostile, List.of(new Fact(hostile, hostile)), List.of(section)));

    assertThat(html).doesNotContain("<script", "alert('", "\u0000", "\u001b");
    Document parsed = Xml.parse(html.substring(html.indexOf('\n')));
    assertThat(parsed.getElementsByTagName("script").getLength()).isZero();
    assertThat(parsed.getElementsByTagName("title").item(0).getTextContent())
        .isEqualTo("<script>alert('x')</script>&\"\ufffd\ufffd[31m\ufffd");
  }

  private Stream<Element> elements(String name) {
    NodeList nodes = document.getElementsByTagName(name);
    return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i));
  }

  private List<String> texts(String name) {
    return elements(name).map(Element::getTextContent).toList();
  }
}
