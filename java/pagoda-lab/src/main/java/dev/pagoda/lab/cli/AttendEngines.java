package dev.pagoda.lab.cli;

/** Opens what computes attention for {@code pagoda attend}. */
@FunctionalInterface
public interface AttendEngines {
  /**
   * Opens an engine, once per JVM.
   *
   * @param options backend and threads
   * @return the engine, for the caller to close
   * @throws Refusal if the backend cannot be had, with the reason
   */
  AttendEngine open(AttendOptions options);
}
