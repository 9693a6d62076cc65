package dev.pagoda.lab.experiment;

/**
 * How long one call takes.
 *
 * @param wallNanos median over visits of each visit's median call
 * @param cpuNanos CPU time of the calling thread per call, median over visits. Equal to {@code
 *     wallNanos} on a quiet machine, and the better comparison on a busy one; says nothing about
 *     calls that other threads help with
 * @param spread how far visits lie apart: the slowest median over the fastest one, at least 1
 * @param numCalls calls that were timed
 */
record Timing(double wallNanos, double cpuNanos, double spread, long numCalls) {
  double wallMicros() {
    return wallNanos / 1e3;
  }

  /** How much longer the clock ran than the processor worked: 1 on a quiet machine. */
  double busyness() {
    return wallNanos / cpuNanos;
  }

  /** Speed relative to another thing that does as much, by CPU time. */
  double cpuSpeedOver(Timing other) {
    return other.cpuNanos / cpuNanos;
  }

  /** How many of something per second of CPU time, if a call does so many. */
  double perCpuSecond(double perCall) {
    return perCall * 1e9 / cpuNanos;
  }

  /** How many of something per second, if a call does so many. */
  double perSecond(double perCall) {
    return perCall * 1e9 / wallNanos;
  }
}
