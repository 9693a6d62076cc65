package dev.pagoda.lab.report;

import java.util.List;

/**
 * Draws bars: upright where the names of the categories fit below them, lying where they do not.
 *
 * <p>Both are one drawing in coordinates along the categories and along the values; {@link #box}
 * and {@link #label} turn it.
 */
final class SvgBarChart {
  private static final double ROW = 19;

  private final BarChart chart;
  private final Markup svg;
  private final boolean upright;
  private final AxisMap values;
  private final double categoriesBegin;
  private final double slot;
  private final boolean namesAbove;
  private final int height;

  private SvgBarChart(BarChart chart, SvgFrame.Size size) {
    this.chart = chart;
    boolean wide = size == SvgFrame.Size.WIDE;
    Ticks ticks = ticks(chart, wide ? 6 : 5);
    double axisRoom = SvgFrame.widestLabel(ticks) + 14;
    double longest = chart.categories().stream().mapToDouble(SvgFrame::textWidth).max().orElse(0);
    int numCategories = chart.categories().size();
    int barsPerSlot = chart.arrangement() == BarChart.Arrangement.STACKED ? 1 : numSeries();
    double uprightSlot = (size.width() - axisRoom - 18) / numCategories;
    upright = longest + 8 <= uprightSlot && uprightSlot / barsPerSlot >= 14;
    if (upright) {
      namesAbove = false;
      slot = uprightSlot;
      categoriesBegin = axisRoom;
      double bottom = size.height() - 48.0;
      values = new AxisMap(Axis.Scale.LINEAR, ticks, bottom, 30);
      height = size.height();
      svg = SvgFrame.open(chart, chart.description(), size, height);
      SvgFrame.verticalAxis(svg, chart.valueAxis(), values, axisRoom, size.width() - 18.0);
      SvgFrame.caption(svg, chart.categoryLabel(), (axisRoom + size.width() - 18) / 2, bottom + 38);
    } else {
      namesAbove = longest > size.width() * 0.32;
      slot = barsPerSlot * ROW + (namesAbove ? 26 : 14);
      categoriesBegin = 8;
      double left = namesAbove ? 4 : longest + 12;
      double bottom = categoriesBegin + slot * numCategories + 2;
      // Room for the number behind the longest bar.
      values = new AxisMap(Axis.Scale.LINEAR, ticks, left, size.width() - 52.0);
      height = (int) Math.ceil(bottom + 46);
      svg = SvgFrame.open(chart, chart.description(), size, height);
      SvgFrame.horizontalAxis(svg, chart.valueAxis(), values, categoriesBegin, bottom);
    }
  }

  /** Chooses a range that holds every bar, every reference line, and zero. */
  static Ticks ticks(BarChart chart, int countMax) {
    List<Double> reached = SvgFrame.withReferences(chart.lengths(), chart);
    double low =
        Math.min(0, reached.stream().mapToDouble(v -> v).filter(Double::isFinite).min().orElse(0));
    double high =
        Math.max(0, reached.stream().mapToDouble(v -> v).filter(Double::isFinite).max().orElse(0));
    return Ticks.linear(low, high, countMax);
  }

  static int height(BarChart chart, SvgFrame.Size size) {
    return new SvgBarChart(chart, size).height;
  }

  static String draw(BarChart chart, SvgFrame.Size size) {
    SvgBarChart drawing = new SvgBarChart(chart, size);
    for (int i = 0; i < chart.categories().size(); i++) {
      drawing.category(i);
    }
    chart.references().forEach(drawing::reference);
    return drawing.svg.close().toString();
  }

  private int numSeries() {
    return chart.series().size();
  }

  private void category(int index) {
    double begin = categoriesBegin + slot * index;
    String name = chart.categories().get(index);
    double middle = begin + slot / 2;
    if (upright) {
      svg.element("text", name, "class", "tick mid", "x", middle, "y", values.begin() + 18);
    } else if (namesAbove) {
      String fitting = SvgFrame.shortened(name, values.end() - values.begin());
      svg.element("text", fitting, "class", "tick", "x", values.begin(), "y", begin + 13);
    } else {
      svg.element("text", name, "class", "tick end", "x", values.begin() - 8, "y", middle + 4);
    }
    double room = namesAbove ? slot - 26 : slot - (upright ? Math.max(6, slot * 0.24) : 14);
    double barsBegin = namesAbove ? begin + 18 : middle - room / 2;
    if (chart.arrangement() == BarChart.Arrangement.STACKED) {
      // A pillar as wide as its slot says nothing that a narrower one does not.
      double thickness = Math.min(room, 64);
      stacked(index, upright ? middle - thickness / 2 : barsBegin, thickness);
    } else {
      double thickness = Math.min(room / numSeries(), 46);
      double first = upright ? middle - thickness * numSeries() / 2 : barsBegin;
      grouped(index, first, thickness);
    }
  }

  private void grouped(int category, double begin, double thickness) {
    for (int i = 0; i < numSeries(); i++) {
      double value = chart.series().get(i).values().get(category);
      double from = begin + thickness * i;
      if (!Double.isFinite(value)) {
        label("–", from, thickness, 0, "value");
        continue;
      }
      box(i, category, from + 1, thickness - 2, 0, value);
      String number = NumberText.label(value, 3);
      if (!upright || numbersFit(thickness)) {
        label(number, from, thickness, value, "value");
      }
    }
  }

  /** Numbers stand above all bars or above none: a missing one would look like a missing value. */
  private boolean numbersFit(double thickness) {
    return chart.lengths().stream()
        .allMatch(v -> SvgFrame.textWidth(NumberText.label(v, 3)) * 0.92 <= thickness);
  }

  private void stacked(int category, double begin, double thickness) {
    double sum = 0;
    for (int i = 0; i < numSeries(); i++) {
      double value = chart.series().get(i).values().get(category);
      if (!Double.isFinite(value) || value == 0) {
        continue;
      }
      box(i, category, begin, thickness, sum, sum + value);
      inside(NumberText.label(value, 3), begin, thickness, sum, sum + value, i);
      sum += value;
    }
  }

  /** Draws a bar from one value to another, with what it shows as its hint. */
  private void box(
      int series, int category, double begin, double thickness, double from, double to) {
    double a = Math.min(values.at(from), values.at(to));
    double length = Math.abs(values.at(to) - values.at(from));
    svg.open("g", "class", "bar " + SvgFrame.look(series));
    if (upright) {
      svg.empty("rect", "x", begin, "y", a, "width", thickness, "height", length, "rx", 1.5);
    } else {
      svg.empty("rect", "x", a, "y", begin, "width", length, "height", thickness, "rx", 1.5);
    }
    String hint =
        "%s, %s: %s %s"
            .formatted(
                chart.categories().get(category),
                chart.series().get(series).name(),
                NumberText.label(to - from, 4),
                chart.valueAxis().unit());
    svg.element("title", hint.strip()).close();
  }

  /** Writes a number at the end of a bar. */
  private void label(String text, double begin, double thickness, double value, String style) {
    double end = values.at(value);
    if (upright) {
      double y = value < 0 ? end + 13 : end - 5;
      svg.element("text", text, "class", style + " mid", "x", begin + thickness / 2, "y", y);
    } else {
      boolean negative = value < 0;
      svg.element(
          "text",
          text,
          "class",
          style + (negative ? " end" : ""),
          "x",
          negative ? end - 5 : end + 5,
          "y",
          begin + thickness / 2 + 4);
    }
  }

  /** Writes a number into a part of a bar, if it is large enough for it. */
  private void inside(
      String text, double begin, double thickness, double from, double to, int series) {
    double length = Math.abs(values.at(to) - values.at(from));
    double middle = (values.at(from) + values.at(to)) / 2;
    double width = SvgFrame.textWidth(text);
    boolean fits = upright ? length >= 15 && thickness >= width : length >= width + 4;
    if (fits) {
      svg.element(
          "text",
          text,
          "class",
          "inside mid on-" + SvgFrame.look(series),
          "x",
          upright ? begin + thickness / 2 : middle,
          "y",
          (upright ? middle : begin + thickness / 2) + 4);
    }
  }

  private void reference(ReferenceLine line) {
    if (!Double.isFinite(line.value())) {
      return;
    }
    double at = values.at(line.value());
    double categoriesEnd = categoriesBegin + slot * chart.categories().size();
    if (upright) {
      svg.empty(
          "line",
          "class",
          "reference",
          "x1",
          categoriesBegin,
          "x2",
          categoriesEnd,
          "y1",
          at,
          "y2",
          at);
    } else {
      svg.empty(
          "line",
          "class",
          "reference",
          "x1",
          at,
          "x2",
          at,
          "y1",
          categoriesBegin - 4,
          "y2",
          categoriesEnd + 2);
    }
  }
}
