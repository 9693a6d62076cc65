package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Section;

/** One experiment. */
interface Experiment {
  /** A few words. */
  String title();

  /** About how long it takes on two cores, for the progress display. */
  double expectedSeconds(boolean quick);

  /**
   * Runs it.
   *
   * @param number of the experiment in the report
   * @param conditions what it runs under
   * @return what was found
   */
  Section run(int number, Conditions conditions);
}
