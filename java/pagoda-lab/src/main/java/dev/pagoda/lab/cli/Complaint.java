package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.SafetensorsException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;

/**
 * What is said about a failure, and the exit code that goes with it.
 *
 * @param sentence one line
 * @param exitCode {@link ExitCode#REFUSED} or {@link ExitCode#FAILED}
 */
record Complaint(String sentence, int exitCode) {

  /** Turns a failure into a sentence. Only a failure of the program itself names its class. */
  static Complaint about(Exception failure) {
    String message = oneLine(String.valueOf(failure.getMessage()));
    return switch (failure) {
      case Refusal r -> new Complaint(message, ExitCode.REFUSED);
      case SafetensorsException e -> new Complaint(message, ExitCode.REFUSED);
      case IllegalArgumentException e -> new Complaint(message, ExitCode.REFUSED);
      case NoSuchFileException e ->
          new Complaint("there is no such path=" + message, ExitCode.REFUSED);
      case AccessDeniedException e ->
          new Complaint("access denied to path=" + message, ExitCode.REFUSED);
      case FileAlreadyExistsException e ->
          new Complaint("in the way is path=" + message, ExitCode.REFUSED);
      case IOException e -> new Complaint("input or output failed: " + message, ExitCode.REFUSED);
      default ->
          new Complaint(
              "the program failed: " + failure.getClass().getSimpleName() + ": " + message,
              ExitCode.FAILED);
    };
  }

  /** Whether a stack trace helps: the program is at fault, not the input. */
  boolean isBug() {
    return exitCode == ExitCode.FAILED;
  }

  /** Returns the text with every control character replaced, so that it stays one harmless line. */
  static String oneLine(String text) {
    return text.strip().replaceAll("[\\p{Cntrl}\\p{Cf}\\u2028\\u2029]+", " ");
  }
}
