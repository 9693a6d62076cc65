package dev.pagoda.lab.simulation;

import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.cli.SimulateOptions;
import dev.pagoda.lab.cli.Simulations;
import dev.pagoda.lab.report.Report;
import java.io.IOException;
import java.util.List;

/** What {@code pagoda simulate} runs. */
public final class Simulator implements Simulations {
  /** Makes a simulator; running is what takes time. */
  public Simulator() {}

  @Override
  public Report run(SimulateOptions options, Progress progress) throws IOException {
    return new Report("", "", List.of(), List.of());
  }
}
