package dev.pagoda.lab.report;

/**
 * A point of a line.
 *
 * @param x position on the horizontal axis
 * @param y the value
 */
public record Point(double x, double y) {}
