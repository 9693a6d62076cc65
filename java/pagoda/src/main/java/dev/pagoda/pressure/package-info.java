/**
 * Making do with the blocks there are: who is admitted, who makes room, and how.
 *
 * <p>{@link dev.pagoda.pressure.AdmissionControl} promises a request its blocks before it begins.
 * {@link dev.pagoda.pressure.Preemptor} makes room when blocks run out all the same, by the choice
 * of a {@link dev.pagoda.pressure.PreemptionPolicy}, and brings back who had to leave. {@link
 * dev.pagoda.pressure.PreemptionCalibration} measures what the choice rests on.
 *
 * <p>Policies see numbers alone, so that a simulator can drive them without a cache.
 */
package dev.pagoda.pressure;
