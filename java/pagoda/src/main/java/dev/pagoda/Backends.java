package dev.pagoda;

import dev.pagoda.internal.cuda.CudaDevices;
import dev.pagoda.internal.kernel.Candidate;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.VectorModule;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.internal.simd.VectorKernels;
import java.util.Optional;

/** The one place that knows the implementations by name. */
final class Backends {
  private Backends() {}

  static Candidate candidate(Backend backend) {
    return switch (backend) {
      case CUDA ->
          new Candidate(
              backend.label(),
              () -> Optional.of(CudaDevices.unavailabilityReason()),
              () -> {
                throw new BackendUnavailableException(CudaDevices.unavailabilityReason());
              });
      case VECTOR ->
          new Candidate(
              backend.label(), VectorModule::unavailabilityReason, () -> VectorKernels.create());
      case SCALAR -> new Candidate(backend.label(), Optional::empty, ScalarKernels::new);
    };
  }

  /** The kernels of a backend asked for by name: those or an exception, never others. */
  static Kernels open(Backend backend) {
    Candidate candidate = candidate(backend);
    Optional<String> reason = candidate.unavailability().get();
    if (reason.isPresent()) {
      throw new BackendUnavailableException(reason.get() + ": backend=" + backend.label());
    }
    return candidate.create().get();
  }
}
