package dev.pagoda.internal.kernel;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * One implementation on offer.
 *
 * @param name short name of the backend
 * @param unavailability why it cannot be had here, or empty; asked before {@code create}, and must
 *     not touch the implementation's classes unless they load everywhere
 * @param create makes the kernels
 */
public record Candidate(
    String name, Supplier<Optional<String>> unavailability, Supplier<Kernels> create) {

  /**
   * The rule of choice: the first that can be had.
   *
   * @param candidates in order of preference
   * @return the first available one, or empty
   */
  public static Optional<Candidate> pick(List<Candidate> candidates) {
    return candidates.stream().filter(c -> c.unavailability().get().isEmpty()).findFirst();
  }
}
