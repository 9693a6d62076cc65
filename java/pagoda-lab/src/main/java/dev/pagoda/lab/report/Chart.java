package dev.pagoda.lab.report;

import java.util.List;

/** A chart of an experiment. */
public sealed interface Chart permits LineChart, BarChart {
  /**
   * Returns the name of the chart's files.
   *
   * @return lower-case words joined by hyphens, unique in the report
   */
  String id();

  /**
   * Returns what the chart shows.
   *
   * @return one line
   */
  String title();

  /**
   * Returns the axis on which the measured values stand.
   *
   * @return the vertical axis of lines, the axis along the bars
   */
  Axis valueAxis();

  /**
   * Returns the values to compare with.
   *
   * @return lines across the chart at a value each
   */
  List<ReferenceLine> references();

  /**
   * Returns the names of what is compared.
   *
   * @return one per series, in order
   */
  List<String> seriesNames();

  /** Returns every number of the chart as a table, for raw data and CSV. */
  Table data();
}
