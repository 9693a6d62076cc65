package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.ChosenBackend;
import dev.pagoda.lab.cli.Experiments;
import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.cli.ReportOptions;
import dev.pagoda.lab.report.Fact;
import dev.pagoda.lab.report.Report;
import dev.pagoda.lab.report.Section;
import java.util.ArrayList;
import java.util.List;

/** The nine experiments of {@code pagoda report}, in their order. */
public final class ReportExperiments implements Experiments {
  private static final long WARM_UP_NANOS = 3_000_000_000L;
  private static final double WARM_UP_SECONDS = 2;

  private final List<Experiment> experiments =
      List.of(
          new CorrectnessExperiment(),
          new MemoryExperiment(),
          new BeamSearchExperiment(),
          new BlockSizeExperiment(),
          new ParallelSamplingExperiment(),
          new PreemptionExperiment(),
          new ThroughputExperiment(),
          new PressureExperiment(),
          new ChatExperiment());

  /** Makes the experiments; running them is what takes time. */
  public ReportExperiments() {}

  @Override
  public List<String> titles() {
    return experiments.stream().map(Experiment::title).toList();
  }

  @Override
  public Report run(ReportOptions options, Progress progress) {
    Backend backend = ChosenBackend.of(options.backend());
    double seconds = WARM_UP_SECONDS;
    for (int number : options.only()) {
      seconds += experiments.get(number - 1).expectedSeconds(options.quick());
    }
    progress.plan(seconds);
    progress.stage("warm-up", WARM_UP_SECONDS);
    WarmUp.run(backend, WARM_UP_NANOS, progress::advance);
    List<Section> sections = new ArrayList<>();
    for (int number : options.only()) {
      Experiment experiment = experiments.get(number - 1);
      progress.stage(experiment.title(), experiment.expectedSeconds(options.quick()));
      Conditions conditions =
          new Conditions(backend, options.quick(), options.seed(), progress::advance);
      sections.add(experiment.run(number, conditions));
    }
    return new Report(
        "A paged KV cache, put to the test",
        "The experiments of the PagedAttention notebook, run on this library and on this machine:"
            + " caches are opened, steps committed, blocks counted, clocks read.",
        facts(backend, options),
        sections);
  }

  private static List<Fact> facts(Backend backend, ReportOptions options) {
    try (PagedRig rig =
        new PagedRig.Plan(backend, MemoryExperiment.BLOCK_SIZE, 1, MemoryExperiment.BLOCK_SIZE)
            .inOrder(Workers.caller())) {
      String description = rig.cache().describe();
      // What follows the semicolon is this small cache's size, which is nobody's business.
      int end = description.indexOf(';');
      return List.of(
          new Fact("Backend", end < 0 ? description : description.substring(0, end)),
          new Fact("Run", options.quick() ? "quick: less of everything" : "thorough"));
    }
  }
}
