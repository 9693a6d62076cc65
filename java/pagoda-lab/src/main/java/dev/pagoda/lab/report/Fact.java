package dev.pagoda.lab.report;

/**
 * One thing to know about how a report came to be.
 *
 * @param name a word or two, such as {@code JDK}
 * @param value what it is, on one line
 */
public record Fact(String name, String value) {}
