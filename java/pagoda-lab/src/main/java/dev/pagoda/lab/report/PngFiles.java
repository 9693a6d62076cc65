package dev.pagoda.lab.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.awt.geom.AffineTransform;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.knowm.xchart.AnnotationLine;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.internal.chartpart.IChart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.None;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Charts as PNG files, for slides and papers: always light, always one size. */
public final class PngFiles {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 560;
  private static final double CHARACTER = 7.5;
  private static final BasicStroke DASHED =
      new BasicStroke(
          1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10f, new float[] {6f, 5f}, 0f);

  private PngFiles() {}

  /**
   * Says why this JVM cannot draw text: it needs a font library and a font, which bare containers
   * lack.
   *
   * @return one sentence, or empty if charts can be drawn
   */
  public static Optional<String> unavailabilityReason() {
    try {
      new Font(Font.SANS_SERIF, Font.PLAIN, 12)
          .getStringBounds("x", new FontRenderContext(new AffineTransform(), true, true));
      return Optional.empty();
    } catch (RuntimeException | InternalError | LinkageError noFonts) {
      return Optional.of(
          "this machine has no fonts to draw with, install fontconfig and one of them: " + noFonts);
    }
  }

  /**
   * Writes a chart.
   *
   * @param chart the chart
   * @param path the file
   * @throws IOException if it cannot be written
   */
  public static void write(Chart chart, Path path) throws IOException {
    try (OutputStream out = Files.newOutputStream(path)) {
      ChartEncoder.saveChart(drawing(chart), out, "png");
    }
  }

  private static IChart drawing(Chart chart) {
    return switch (chart) {
      case LineChart lines -> lines(lines);
      case BarChart bars -> bars(bars);
    };
  }

  private static XYChart lines(LineChart chart) {
    XYChart drawing =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(chart.title())
            .xAxisTitle(chart.xAxis().caption())
            .yAxisTitle(chart.valueAxis().caption())
            .build();
    style(drawing.getStyler());
    drawing
        .getStyler()
        .setSeriesMarkers(
            new Marker[] {
              SeriesMarkers.CIRCLE,
              SeriesMarkers.SQUARE,
              SeriesMarkers.TRIANGLE_UP,
              SeriesMarkers.DIAMOND,
              SeriesMarkers.TRIANGLE_DOWN,
              SeriesMarkers.CROSS
            });
    scale(chart.xAxis(), drawing.getStyler(), true);
    scale(chart.valueAxis(), drawing.getStyler(), false);
    if (chart.valueAxis().scale() == Axis.Scale.LINEAR) {
      range(drawing.getStyler(), SvgLineChart.valueTicks(chart, 8));
    }
    for (Series series : chart.series()) {
      List<Point> points = series.points().stream().filter(chart::shows).toList();
      if (!points.isEmpty()) {
        drawing.addSeries(
            series.name(),
            points.stream().mapToDouble(p -> placed(chart.xAxis(), p.x())).toArray(),
            points.stream().mapToDouble(p -> placed(chart.valueAxis(), p.y())).toArray());
      }
    }
    double[] xs =
        chart.series().stream()
            .flatMap(series -> series.points().stream())
            .filter(chart::shows)
            .mapToDouble(p -> placed(chart.xAxis(), p.x()))
            .sorted()
            .toArray();
    for (ReferenceLine line : chart.references()) {
      if (xs.length > 0 && chart.valueAxis().shows(line.value())) {
        double y = placed(chart.valueAxis(), line.value());
        XYSeries series =
            drawing.addSeries(
                line.label(), new double[] {xs[0], xs[xs.length - 1]}, new double[] {y, y});
        reference(series);
      }
    }
    return drawing;
  }

  private static void reference(XYSeries series) {
    series.setMarker(new None());
    series.setLineColor(Color.DARK_GRAY);
    series.setLineStyle(DASHED);
  }

  private static CategoryChart bars(BarChart chart) {
    CategoryChart drawing =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(chart.title() + referenceNote(chart))
            .xAxisTitle(chart.categoryLabel())
            .yAxisTitle(chart.valueAxis().caption())
            .build();
    style(drawing.getStyler());
    drawing.getStyler().setStacked(chart.arrangement() == BarChart.Arrangement.STACKED);
    drawing.getStyler().setYAxisTickLabelsFormattingFunction(NumberText::tick);
    range(drawing.getStyler(), SvgBarChart.ticks(chart, 8));
    double longest = chart.categories().stream().mapToInt(String::length).max().orElse(0);
    if (longest * CHARACTER > (WIDTH - 100.0) / chart.categories().size()) {
      drawing.getStyler().setXAxisLabelRotation(30);
    }
    for (BarSeries series : chart.series()) {
      // The library cannot leave a bar out; one of no length looks the same.
      drawing.addSeries(
          series.name(),
          chart.categories(),
          series.values().stream().map(v -> Double.isFinite(v) ? v : 0.0).toList());
    }
    drawing.getStyler().setAnnotationLineColor(Color.DARK_GRAY);
    drawing.getStyler().setAnnotationLineStroke(DASHED);
    for (ReferenceLine line : chart.references()) {
      drawing.addAnnotation(new AnnotationLine(line.value(), false, false));
    }
    return drawing;
  }

  private static String referenceNote(BarChart chart) {
    return chart.references().isEmpty()
        ? ""
        : chart.references().stream()
            .map(line -> line.label() + " " + NumberText.label(line.value(), 4))
            .collect(Collectors.joining(", ", " (dashed: ", ")"));
  }

  private static void range(AxesChartStyler styler, Ticks ticks) {
    styler.setYAxisMin(ticks.low());
    styler.setYAxisMax(ticks.high());
  }

  private static void style(AxesChartStyler styler) {
    styler.setSeriesColors(Palette.SERIES.stream().map(Color::decode).toArray(Color[]::new));
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 18));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    styler.setLegendBorderColor(Color.WHITE);
    styler.setLegendPosition(Styler.LegendPosition.OutsideS);
    styler.setLegendLayout(Styler.LegendLayout.Horizontal);
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    styler.setChartPadding(16);
    styler.setMarkerSize(8);
    styler.setAntiAlias(true);
  }

  /** The library knows logarithms of base ten; those of base two are plotted as exponents. */
  private static double placed(Axis axis, double value) {
    return axis.scale() == Axis.Scale.LOG2 ? Math.log(value) / Math.log(2) : value;
  }

  private static void scale(Axis axis, AxesChartStyler styler, boolean horizontal) {
    if (axis.scale() == Axis.Scale.LOG10) {
      if (horizontal) {
        styler.setXAxisLogarithmic(true);
      } else {
        styler.setYAxisLogarithmic(true);
      }
    }
    boolean exponents = axis.scale() == Axis.Scale.LOG2;
    Function<Double, String> label =
        value -> {
          boolean between = exponents && Math.abs(value - Math.rint(value)) > 1e-6;
          return between ? "" : NumberText.tick(exponents ? Math.pow(2, value) : value);
        };
    if (horizontal) {
      styler.setXAxisTickLabelsFormattingFunction(label);
    } else {
      styler.setYAxisTickLabelsFormattingFunction(label);
    }
  }
}
