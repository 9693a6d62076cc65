package dev.pagoda.lab.report;

/**
 * Turns values into pixels.
 *
 * @param scale how numbers become distances
 * @param ticks the range in values
 * @param begin pixel of the lowest value
 * @param end pixel of the highest value; below {@code begin} for axes that point up
 */
record AxisMap(Axis.Scale scale, Ticks ticks, double begin, double end) {
  double at(double value) {
    double low = shape(ticks.low());
    double high = shape(ticks.high());
    double fraction = Math.clamp((shape(value) - low) / (high - low), 0.0, 1.0);
    return begin + fraction * (end - begin);
  }

  private double shape(double value) {
    return scale == Axis.Scale.LINEAR ? value : Math.log(value);
  }
}
