package dev.pagoda.lab.experiment;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;

/**
 * Times things that are to be compared, in turns, so that a machine that slows down meanwhile slows
 * all of them.
 *
 * <p>A round visits each thing once, every other round in reverse order. A visit calls it again and
 * again for a while and keeps the median. Before the rounds each thing is visited, uncounted, until
 * it gets no faster: what the JVM has not compiled yet is not what is to be measured.
 *
 * @param numRounds rounds that count, at least 1
 * @param visitNanos how long a visit lasts; at least {@value #CALLS_MIN} calls
 */
record Turns(int numRounds, long visitNanos) {
  private static final int CALLS_MIN = 3;
  private static final int CALLS_MAX = 4096;
  private static final int WARM_UP_VISITS_MAX = 8;
  private static final double WARM = 0.95;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  /** Something to call again and again. */
  @FunctionalInterface
  interface Trial {
    void call();
  }

  /**
   * Times all of them.
   *
   * @param trials what to compare
   * @param progress told the share that is done, 0 to 1
   * @return one timing per trial
   */
  List<Timing> compare(List<? extends Trial> trials, DoubleConsumer progress) {
    double[][] wall = new double[trials.size()][numRounds];
    double[][] cpu = new double[trials.size()][numRounds];
    long[] numCalls = new long[trials.size()];
    double[] callNanos = new double[CALLS_MAX];
    for (int i = 0; i < trials.size(); i++) {
      warmUp(trials.get(i), callNanos);
      progress.accept((i + 1.0) / trials.size() / (numRounds + 1));
    }
    for (int round = 0; round < numRounds; round++) {
      for (int i = 0; i < trials.size(); i++) {
        int trial = round % 2 == 0 ? i : trials.size() - 1 - i;
        long cpuBefore = THREADS.getCurrentThreadCpuTime();
        int calls = visit(trials.get(trial), callNanos);
        cpu[trial][round] = (double) (THREADS.getCurrentThreadCpuTime() - cpuBefore) / calls;
        wall[trial][round] = median(callNanos, calls);
        numCalls[trial] += calls;
        progress.accept((round + 1 + (i + 1.0) / trials.size()) / (numRounds + 1));
      }
    }
    List<Timing> timings = new ArrayList<>();
    for (int i = 0; i < trials.size(); i++) {
      double slowest = Arrays.stream(wall[i]).max().orElseThrow();
      double fastest = Arrays.stream(wall[i]).min().orElseThrow();
      timings.add(
          new Timing(
              median(wall[i], numRounds),
              median(cpu[i], numRounds),
              slowest / fastest,
              numCalls[i]));
    }
    return timings;
  }

  private void warmUp(Trial trial, double[] callNanos) {
    double before = Double.POSITIVE_INFINITY;
    for (int i = 0; i < WARM_UP_VISITS_MAX; i++) {
      double now = median(callNanos, visit(trial, callNanos));
      if (now > WARM * before) {
        return;
      }
      before = now;
    }
  }

  private int visit(Trial trial, double[] callNanos) {
    long start = System.nanoTime();
    long before = start;
    int calls = 0;
    while (calls < CALLS_MAX && (calls < CALLS_MIN || before - start < visitNanos)) {
      trial.call();
      long after = System.nanoTime();
      callNanos[calls] = after - before;
      calls++;
      before = after;
    }
    return calls;
  }

  /** The middle of the first numbers, which are sorted. */
  static double median(double[] numbers, int count) {
    Arrays.sort(numbers, 0, count);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
  }
}
