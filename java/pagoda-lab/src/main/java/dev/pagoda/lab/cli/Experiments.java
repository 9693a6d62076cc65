package dev.pagoda.lab.cli;

import dev.pagoda.lab.report.Report;
import java.util.List;

/** The experiments that {@code pagoda report} runs. */
public interface Experiments {
  /**
   * Names the experiments in their order; experiment {@code n} of {@code --only} is element {@code
   * n - 1}.
   *
   * @return the titles, at least one
   */
  List<String> titles();

  /**
   * Runs the chosen experiments.
   *
   * @param options what to run and how
   * @param progress to be told of each stage; the caller finishes it
   * @return one section per experiment. Its environment says what computed: backend, vector width,
   *     device; the command adds machine, JDK, date, command and seed
   * @throws Refusal if the backend asked for cannot be had
   */
  Report run(ReportOptions options, Progress progress);
}
