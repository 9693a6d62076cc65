package dev.pagoda.lab.attention;

import dev.pagoda.Backend;
import dev.pagoda.lab.cli.BackendChoice;
import dev.pagoda.lab.cli.Refusal;

/** From what a user typed to what computes. */
public final class ChosenBackend {
  private ChosenBackend() {}

  /**
   * Finds the backend, or says why it cannot be had.
   *
   * @param choice what the user typed
   * @return an available backend
   * @throws Refusal with the reason
   */
  public static Backend of(BackendChoice choice) {
    Backend backend =
        switch (choice) {
          case BEST -> Backend.best();
          case CUDA -> Backend.CUDA;
          case VECTOR -> Backend.VECTOR;
          case SCALAR -> Backend.SCALAR;
        };
    backend
        .unavailabilityReason()
        .ifPresent(reason -> {
          throw new Refusal(reason + ": backend=" + backend.label());
        });
    return backend;
  }
}
