package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

class SvgFileTest {
  private static List<String> texts(Document svg) {
    NodeList texts = svg.getElementsByTagName("text");
    return IntStream.range(0, texts.getLength())
        .mapToObj(i -> texts.item(i).getTextContent())
        .toList();
  }

  private static int number(Node element, String attribute) {
    return Integer.parseInt(((Element) element).getAttribute(attribute));
  }

  @ParameterizedTest
  @MethodSource("dev.pagoda.lab.report.SvgChartTest#awkwardCharts")
  void anyChartBecomesAPictureThatNeedsNoPage(Chart chart) {
    String file = SvgFile.render(chart);

    Document svg = Xml.parse(file);
    assertThat(texts(svg)).contains(chart.title());
    assertThat(file).as("viewers other than browsers know no variables").doesNotContain("var(");
    int height = Integer.parseInt(svg.getDocumentElement().getAttribute("height"));
    NodeList pictures = svg.getElementsByTagName("svg");
    for (int i = 0; i < pictures.getLength(); i++) {
      if (((Element) pictures.item(i)).hasAttribute("y")) {
        assertThat(number(pictures.item(i), "y") + number(pictures.item(i), "height"))
            .isLessThan(height);
      }
    }
  }

  @Test
  void seriesAndReferencesAreNamedInAsManyLinesAsTheyTake() {
    List<Series> series =
        IntStream.range(0, 5)
            .mapToObj(i -> new Series("a name of some length " + i, List.of(new Point(1, i + 1))))
            .toList();
    Chart chart =
        new LineChart(
            "many",
            "Many series",
            Axis.linear("x", ""),
            Axis.linear("y", "ms"),
            series,
            List.of(new ReferenceLine("a limit", 3)));

    List<String> texts = texts(Xml.parse(SvgFile.render(chart)));

    assertThat(texts).containsAll(chart.seriesNames()).contains("a limit: 3 ms");
  }
}
