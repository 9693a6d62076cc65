package dev.pagoda;

import dev.pagoda.internal.kernel.Candidate;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What computes. All backends give the same results; the CPU ones to the bit. */
public enum Backend {
  /** CUDA kernels in a shared library. */
  CUDA,
  /** The Vector API, on any CPU; needs {@code --add-modules jdk.incubator.vector}. */
  VECTOR,
  /** Plain Java: the definition of right. Runs everywhere. */
  SCALAR;

  private static final System.Logger LOGGER = System.getLogger("dev.pagoda");

  /**
   * The fastest one that can be had here. One log line says which and why not another.
   *
   * <p>The native library is loaded only where it was put on the class path, or a file of it was
   * named, and the machine has an NVIDIA driver.
   *
   * @return an available backend
   */
  public static Backend best() {
    List<Candidate> candidates = Arrays.stream(values()).map(Backends::offer).toList();
    Candidate picked = Candidate.pick(candidates).orElseThrow();
    String passedOver =
        candidates.stream()
            .takeWhile(c -> !c.name().equals(picked.name()))
            .map(c -> "; not " + c.name() + ": " + c.unavailability().get().orElseThrow())
            .collect(Collectors.joining());
    LOGGER.log(System.Logger.Level.INFO, "Pagoda computes on {0}{1}", picked.name(), passedOver);
    return named(picked.name());
  }

  /**
   * The backend of a name.
   *
   * @param label {@code scalar}, {@code vector} or {@code cuda}
   * @return the backend, available or not
   * @throws IllegalArgumentException if there is no backend of that name
   */
  public static Backend named(String label) {
    return Arrays.stream(values())
        .filter(b -> b.label().equals(label))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException("backends are cuda, vector and scalar: backend=" + label));
  }

  /**
   * The name as users write it.
   *
   * @return lower-case name
   */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Why this backend cannot be had here. Never throws.
   *
   * @return one sentence, or empty if it is available
   */
  public Optional<String> unavailabilityReason() {
    return Backends.candidate(this).unavailability().get();
  }
}
