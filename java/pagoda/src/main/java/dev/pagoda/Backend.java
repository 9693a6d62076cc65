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

  // CUDA is not among them while its kernels have no Java face: to ask it would load the native
  // library, and every user of the CPU would see the JVM's warning about native access.
  private static final List<Backend> PREFERENCE = List.of(VECTOR, SCALAR);

  /**
   * The fastest one that can be had here. One log line says which and why not another.
   *
   * @return an available backend
   */
  public static Backend best() {
    List<Candidate> candidates = PREFERENCE.stream().map(Backends::candidate).toList();
    Candidate picked = Candidate.pick(candidates).orElseThrow();
    Backend best = named(picked.name());
    String passedOver =
        PREFERENCE.stream()
            .takeWhile(b -> b != best)
            .map(b -> "; not " + b.label() + ": " + b.unavailabilityReason().orElseThrow())
            .collect(Collectors.joining());
    LOGGER.log(System.Logger.Level.INFO, "Pagoda computes on {0}{1}", best.label(), passedOver);
    return best;
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
