package dev.pagoda.lab.report;

/**
 * A value to compare with: a limit, a published figure, a peak.
 *
 * @param label what it is, a few words
 * @param value where it stands on the value axis
 */
public record ReferenceLine(String label, double value) {}
