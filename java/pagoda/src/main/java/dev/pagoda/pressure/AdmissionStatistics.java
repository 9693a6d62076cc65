package dev.pagoda.pressure;

/**
 * An {@link AdmissionControl}'s counters since it was made.
 *
 * @param numAdmitted requests that were let in
 * @param numDeferred answers of "not now"
 * @param numImpossible requests too large for the cache
 */
public record AdmissionStatistics(long numAdmitted, long numDeferred, long numImpossible) {}
