package dev.pagoda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.internal.cuda.CudaDevices;
import dev.pagoda.internal.cuda.CudaKernels;
import dev.pagoda.internal.kernel.Candidate;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.VectorModule;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.internal.simd.VectorKernels;
import dev.pagoda.memory.Place;
import java.util.Optional;

/** The one place that knows the implementations by name. */
final class Backends {
  private Backends() {}

  static Candidate candidate(Backend backend) {
    return switch (backend) {
      case CUDA ->
          new Candidate(
              backend.label(),
              CudaDevices::unavailabilityReason,
              () -> CudaKernels.at(CudaPlace.firstDevice()));
      case VECTOR ->
          new Candidate(
              backend.label(), VectorModule::unavailabilityReason, () -> VectorKernels.create());
      case SCALAR -> new Candidate(backend.label(), Optional::empty, ScalarKernels::new);
    };
  }

  /** The kernels of a backend asked for by name: those or an exception, never others. */
  static Kernels open(Backend backend) {
    Candidate candidate = candidate(backend);
    requireAvailable(candidate);
    return candidate.create().get();
  }

  /** The kernels that compute at a place. */
  static Kernels open(Place place) {
    if (!(place instanceof CudaPlace cudaPlace)) {
      throw new IllegalArgumentException("no backend knows such a place: place=" + place);
    }
    requireAvailable(candidate(Backend.CUDA));
    return CudaKernels.at(cudaPlace);
  }

  /**
   * A backend as it is offered when the best one is looked for.
   *
   * <p>To ask the CUDA backend means to load the native library, and a JVM that was not started
   * with {@code --enable-native-access} then warns every user, also those who never wanted a GPU.
   * So it is asked only where the library was put on the class path, or a file of it named, and the
   * driver has left its mark on the machine: two looks at files that load nothing.
   */
  static Candidate offer(Backend backend) {
    Candidate candidate = candidate(backend);
    return backend == Backend.CUDA
        ? new Candidate(
            candidate.name(),
            () -> CudaDevices.absence().or(candidate.unavailability()),
            candidate.create())
        : candidate;
  }

  private static void requireAvailable(Candidate candidate) {
    Optional<String> reason = candidate.unavailability().get();
    if (reason.isPresent()) {
      throw new BackendUnavailableException(reason.get() + ": backend=" + candidate.name());
    }
  }
}
