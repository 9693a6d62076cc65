package dev.pagoda.lab.simulation;

import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.cli.SimulateOptions;
import dev.pagoda.lab.cli.Simulations;
import dev.pagoda.lab.report.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What {@code pagoda simulate} runs. */
public final class Simulator implements Simulations {
  /** Makes a simulator; running is what takes time. */
  public Simulator() {}

  @Override
  public Report run(SimulateOptions options, Progress progress) throws IOException {
    return switch (options.task()) {
      case PAPER -> new PaperReport(progress, options.seed()).write();
      case SERVE -> new ServeReport(options, machine(options), progress).write();
      case CALIBRATE -> CalibrationReport.write(options, progress);
    };
  }

  private static Machine machine(SimulateOptions options) throws IOException {
    String name = options.machine();
    if (!Machines.isNamed(name) && Files.isRegularFile(Path.of(name))) {
      return MachineFile.read(Path.of(name));
    }
    return Machines.named(name);
  }
}
