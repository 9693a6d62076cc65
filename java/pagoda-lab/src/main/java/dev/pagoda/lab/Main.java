package dev.pagoda.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pagoda.lab.attention.PagedAttendEngine;
import dev.pagoda.lab.cli.Pagoda;
import dev.pagoda.lab.experiment.ReportExperiments;
import dev.pagoda.lab.simulation.Simulator;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Starts the command line, and puts together what it runs. */
public final class Main {
  /** Held here, because a logger that nobody holds forgets its level. */
  private static final Logger LIBRARY = Logger.getLogger("dev.pagoda");

  private Main() {}

  /**
   * Runs one command and ends the JVM with its exit code.
   *
   * @param arguments what stands behind {@code pagoda}
   */
  public static void main(String[] arguments) {
    // Standard error is for refusals. Which backend computes, and why, is said in the report.
    LIBRARY.setLevel(Level.WARNING);
    // Tables have dashes and signs that a bare locale would print as question marks.
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, UTF_8);
    System.exit(
        Pagoda.run(
            arguments,
            new ReportExperiments(),
            new Simulator(),
            PagedAttendEngine::open,
            out,
            err));
  }
}
