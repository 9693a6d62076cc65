package dev.pagoda.lab.workload;

import java.nio.file.Path;

/** A trace that cannot be read: one sentence that names file and line. */
public final class TraceException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  TraceException(Path file, long line, String what) {
    super(file + ", line " + line + ": " + what);
  }

  TraceException(Path file, String what) {
    super(file + ": " + what);
  }
}
