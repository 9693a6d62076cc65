package dev.pagoda.lab.cli;

import dev.pagoda.lab.report.Report;
import java.io.IOException;

/** What {@code pagoda simulate} runs. */
@FunctionalInterface
public interface Simulations {
  /**
   * Runs what the options ask for.
   *
   * @param options what to simulate
   * @param progress to be told of each stage; the caller finishes it
   * @return what was found
   * @throws IllegalArgumentException if the options make no server, naming the value
   * @throws IOException if a file cannot be read or written
   */
  Report run(SimulateOptions options, Progress progress) throws IOException;
}
