package dev.pagoda.lab.report;

/**
 * An axis of a chart.
 *
 * @param label what it measures
 * @param unit of its numbers, empty for plain counts
 * @param scale how numbers become distances
 */
public record Axis(String label, String unit, Scale scale) {
  /** How numbers become distances. */
  public enum Scale {
    /** Equal differences, equal distances. */
    LINEAR,
    /** Equal ratios, equal distances; ticks at powers of two. */
    LOG2,
    /** Equal ratios, equal distances; ticks at powers of ten. */
    LOG10
  }

  /**
   * Makes a linear axis.
   *
   * @param label what it measures
   * @param unit of its numbers, or empty
   * @return the axis
   */
  public static Axis linear(String label, String unit) {
    return new Axis(label, unit, Scale.LINEAR);
  }

  /**
   * Makes a logarithmic axis with ticks at powers of two, for block sizes, lengths and the like.
   *
   * @param label what it measures
   * @param unit of its numbers, or empty
   * @return the axis
   */
  public static Axis log2(String label, String unit) {
    return new Axis(label, unit, Scale.LOG2);
  }

  /**
   * Makes a logarithmic axis with ticks at powers of ten.
   *
   * @param label what it measures
   * @param unit of its numbers, or empty
   * @return the axis
   */
  public static Axis log10(String label, String unit) {
    return new Axis(label, unit, Scale.LOG10);
  }

  /** Says whether a number has a place on this axis: it is finite and, on a logarithm, positive. */
  boolean shows(double value) {
    return Double.isFinite(value) && (scale == Scale.LINEAR || value > 0);
  }

  String caption() {
    return unit.isEmpty() ? label : label + " [" + unit + "]";
  }
}
