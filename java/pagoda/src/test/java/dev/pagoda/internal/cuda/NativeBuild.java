package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.List;

/**
 * What the machine must have for a test to mean something.
 *
 * <p>Without it the test is skipped with a sentence, or fails with the same sentence where the
 * environment promises it: {@code PAGODA_CUDA=ON} a native library, {@code PAGODA_GPU=ON} a GPU.
 */
public final class NativeBuild {
  private NativeBuild() {}

  static void requireLibrary() {
    if (NativeLibrary.state() instanceof LibraryState.Absent(String reason)) {
      skipUnlessPromised("PAGODA_CUDA", reason);
    }
  }

  /** A device, or no test. */
  public static void requireDevices() {
    devices();
  }

  /** So many devices, or no test: how many there must be is not promised by the environment. */
  static void requireDevices(int numDevices) {
    int found = devices().size();
    if (found < numDevices) {
      abort("this machine has too few CUDA devices: numDevices=" + numDevices + ", found=" + found);
    }
  }

  static List<CudaDevice> devices() {
    requireLibrary();
    return switch (CudaDevices.query()) {
      case DeviceAnswer.Present(List<CudaDevice> devices) -> devices;
      case DeviceAnswer.None(String reason) -> {
        skipUnlessPromised("PAGODA_GPU", reason);
        yield List.of();
      }
    };
  }

  static void skipUnlessPromised(String variable, String sentence) {
    if ("ON".equals(System.getenv(variable))) {
      fail(variable + "=ON, but " + sentence);
    }
    abort(sentence);
  }
}
