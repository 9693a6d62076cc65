package dev.pagoda.lab.cli;

/** What a command tells the shell. */
final class ExitCode {
  /** All was done. */
  static final int DONE = 0;

  /** The program failed, or a check of the report did. */
  static final int FAILED = 1;

  /** Arguments or inputs were refused. */
  static final int REFUSED = 2;

  private ExitCode() {}
}
