package dev.pagoda.lab.cli;

import java.util.Collections;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What to run, and how.
 *
 * @param backend what computes
 * @param quick whether smaller experiments will do, about 30 seconds of processor time
 * @param seed of every random choice; the memory experiments depend on nothing else
 * @param only numbers of the experiments to run, from 1; never empty
 */
public record ReportOptions(
    BackendChoice backend, boolean quick, long seed, SortedSet<Integer> only) {
  /** Refuses to run nothing. */
  public ReportOptions {
    if (only.isEmpty()) {
      throw new IllegalArgumentException("no experiment is chosen, only=" + only);
    }
    only = Collections.unmodifiableSortedSet(new TreeSet<>(only));
  }
}
