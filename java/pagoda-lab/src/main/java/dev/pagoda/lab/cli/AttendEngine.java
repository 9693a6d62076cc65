package dev.pagoda.lab.cli;

/** Computes attention for problems, one after the other, from one thread. */
@FunctionalInterface
public interface AttendEngine extends AutoCloseable {
  /**
   * Computes one problem: pages its keys and values and attends all queries.
   *
   * @param problem what to compute; its memory is valid during the call
   * @param answer to be written completely
   * @throws Refusal or {@link IllegalArgumentException} if the backend does not compute such a
   *     problem, naming what it does not support
   */
  void attend(AttendProblem problem, AttendAnswer answer);

  /** Frees what the engine holds. Does nothing unless overridden. */
  @Override
  default void close() {}
}
