package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.NodeList;

class SvgChartTest {
  private static final Axis MILLIS = Axis.linear("time", "ms");

  /** Charts at the edges of what an experiment may hand over. */
  static Stream<Chart> awkwardCharts() {
    return Stream.of(
        lines(Axis.linear("x", ""), MILLIS, List.of()),
        lines(Axis.linear("x", ""), MILLIS, List.of(new Point(5, 5))),
        lines(Axis.linear("x", ""), MILLIS, List.of(new Point(1, 7), new Point(2, 7))),
        lines(Axis.linear("x", ""), MILLIS, List.of(new Point(0, 0), new Point(1, Double.NaN))),
        lines(Axis.log2("x", ""), Axis.log10("y", ""), List.of(new Point(0, 0))),
        lines(Axis.log2("x", ""), Axis.log10("y", ""), List.of(new Point(-1, 5), new Point(2, 3))),
        lines(Axis.log2("x", ""), Axis.log10("y", ""), List.of(new Point(3, 1e-30))),
        lines(
            Axis.linear("x", ""),
            MILLIS,
            IntStream.range(0, 500).mapToObj(i -> new Point(i, Math.sin(i) * 1e9)).toList()),
        bars(BarChart.Arrangement.GROUPED, List.of("a"), 0),
        bars(BarChart.Arrangement.GROUPED, List.of("a", "b"), -3, 4),
        bars(BarChart.Arrangement.GROUPED, List.of("a", "b"), Double.NaN, Double.NaN),
        bars(BarChart.Arrangement.STACKED, List.of("a", "b"), Double.NaN, 4),
        bars(BarChart.Arrangement.STACKED, List.of("x".repeat(200), "short"), 1e-9, 2e-9),
        bars(
            BarChart.Arrangement.GROUPED,
            IntStream.range(0, 60).mapToObj(i -> "category " + i).toList(),
            IntStream.range(0, 60).mapToDouble(i -> i * 1e5).toArray()));
  }

  @ParameterizedTest
  @MethodSource("awkwardCharts")
  void anyChartIsWellFormedAndStaysInItsPicture(Chart chart) {
    for (SvgFrame.Size size : SvgFrame.Size.values()) {
      Document svg = Xml.parse(SvgChart.draw(chart, size));
      String[] box = svg.getDocumentElement().getAttribute("viewBox").split(" ", -1);
      double width = Double.parseDouble(box[2]);
      double height = Double.parseDouble(box[3]);
      for (Element element : elements(svg, "*")) {
        NamedNodeMap attributes = element.getAttributes();
        for (int i = 0; i < attributes.getLength(); i++) {
          assertThat(attributes.item(i).getNodeValue()).doesNotContain("NaN", "Infinity", "∞");
        }
        requireWithin(element, width, "x", "x1", "x2", "cx");
        requireWithin(element, height, "y", "y1", "y2", "cy");
      }
    }
  }

  private static void requireWithin(Element element, double end, String... attributes) {
    for (String attribute : attributes) {
      if (element.hasAttribute(attribute)) {
        assertThat(Double.parseDouble(element.getAttribute(attribute)))
            .as("%s of %s", attribute, element.getTagName())
            .isBetween(-10.0, end + 10);
      }
    }
  }

  @Test
  void pointsStandWhereTheirNumbersAre() {
    Chart chart =
        lines(
            Axis.log2("block size", "tokens"),
            MILLIS,
            List.of(new Point(1, 0), new Point(4, 50), new Point(16, 100)));
    Document svg = Xml.parse(SvgChart.draw(chart, SvgFrame.Size.WIDE));
    List<Element> points = elements(svg, "circle");

    assertThat(points).hasSize(3);
    assertThat(number(points.get(1), "cx") - number(points.get(0), "cx"))
        .isCloseTo(number(points.get(2), "cx") - number(points.get(1), "cx"), offset(0.05));
    assertThat(number(points.get(0), "cy") - number(points.get(1), "cy"))
        .isCloseTo(number(points.get(1), "cy") - number(points.get(2), "cy"), offset(0.05));
    assertThat(texts(svg)).contains("block size [tokens]", "time [ms]", "1", "2", "4", "8", "16");
    assertThat(hints(svg)).contains("series: 50 ms at 4 tokens");
  }

  @Test
  void barsAreAsLongAsTheirNumbers() {
    for (SvgFrame.Size size : SvgFrame.Size.values()) {
      Chart upright = bars(BarChart.Arrangement.GROUPED, List.of("a", "b"), 10, 40);
      Document svg = Xml.parse(SvgChart.draw(upright, size));
      List<Element> rects = elements(svg, "rect");
      assertThat(rects).hasSize(2);
      assertThat(number(rects.get(1), "height") / number(rects.get(0), "height"))
          .isCloseTo(4, offset(0.01));
      assertThat(texts(svg)).contains("10", "40", "a", "b", "time [ms]", "what");
      assertThat(hints(svg)).contains("b, series: 40 ms");
    }
  }

  @Test
  void barsLieDownWhereNamesAreLong() {
    String name = "a category with quite a long name";
    Chart lying =
        bars(
            BarChart.Arrangement.STACKED,
            List.of(name, name + " too", "third", "fourth", "fifth"),
            10,
            40,
            1,
            1,
            1);
    List<Element> rects = elements(Xml.parse(SvgChart.draw(lying, SvgFrame.Size.WIDE)), "rect");

    assertThat(number(rects.get(1), "width") / number(rects.get(0), "width"))
        .isCloseTo(4, offset(0.01));
    assertThat(texts(Xml.parse(SvgChart.draw(lying, SvgFrame.Size.NARROW)))).contains(name);
  }

  @ParameterizedTest
  @EnumSource(SvgFrame.Size.class)
  void stackedPartsFollowEachOther(SvgFrame.Size size) {
    BarChart chart =
        new BarChart(
            "s",
            "S",
            "what",
            List.of("one"),
            MILLIS,
            List.of(BarSeries.of("low", 30), BarSeries.of("high", 70)),
            BarChart.Arrangement.STACKED,
            List.of());
    List<Element> rects = elements(Xml.parse(SvgChart.draw(chart, size)), "rect");

    assertThat(number(rects.get(1), "y") + number(rects.get(1), "height"))
        .isCloseTo(number(rects.get(0), "y"), offset(0.02));
  }

  static LineChart lines(Axis x, Axis y, List<Point> points) {
    return new LineChart(
        "lines",
        "Lines",
        x,
        y,
        List.of(new Series("series", points)),
        List.of(new ReferenceLine("limit", 1), new ReferenceLine("nowhere", Double.NaN)));
  }

  static BarChart bars(BarChart.Arrangement arrangement, List<String> names, double... values) {
    return new BarChart(
        "bars",
        "Bars",
        "what",
        names,
        MILLIS,
        List.of(BarSeries.of("series", values)),
        arrangement,
        List.of());
  }

  private static double number(Element element, String attribute) {
    return Double.parseDouble(element.getAttribute(attribute));
  }

  private static List<String> texts(Document svg) {
    return elements(svg, "text").stream().map(Element::getTextContent).toList();
  }

  private static List<String> hints(Document svg) {
    return elements(svg, "title").stream().map(Element::getTextContent).toList();
  }

  private static List<Element> elements(Document document, String name) {
    NodeList nodes = document.getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      elements.add((Element) nodes.item(i));
    }
    return elements;
  }
}
