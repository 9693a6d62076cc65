package dev.pagoda.internal.kernel;

import java.util.Optional;

/**
 * Whether the vector backend can be used in this JVM. Loads everywhere: it reaches the Vector API
 * by name only.
 */
public final class VectorModule {
  private static final String MODULE = "jdk.incubator.vector";
  private static final int BITS_MIN = 128;

  private VectorModule() {}

  /** Why the vector backend cannot be used, as a sentence; empty if it can. */
  public static Optional<String> unavailabilityReason() {
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      return Optional.of(
          "the Vector API is not loaded; start the JVM with --add-modules " + MODULE);
    }
    Optional<String> compiler =
        compilerReason(
            System.getProperty("java.vm.name", ""), System.getProperty("java.vm.info", ""));
    if (compiler.isPresent()) {
      return compiler;
    }
    return widthReason(widestBits());
  }

  /** Vector code is compiled to vector instructions by HotSpot's C2; without it, it crawls. */
  static Optional<String> compilerReason(String vmName, String vmInfo) {
    boolean isHotSpot = vmName.contains("HotSpot") || vmName.contains("OpenJDK");
    if (!isHotSpot) {
      return Optional.of(
          "only HotSpot turns the Vector API into vector instructions: vm=" + vmName);
    }
    if (vmInfo.contains("interpreted mode") || vmInfo.contains("emulated-client")) {
      return Optional.of(
          "the Vector API needs the C2 compiler, which is switched off: java.vm.info=" + vmInfo);
    }
    return Optional.empty();
  }

  static Optional<String> widthReason(int widestBits) {
    if (widestBits < BITS_MIN) {
      return Optional.of(
          "vectors of at least " + BITS_MIN + " bits are needed: widestBits=" + widestBits);
    }
    try {
      KernelSettings.vectorBits(widestBits);
      return Optional.empty();
    } catch (IllegalArgumentException refused) {
      return Optional.of(String.valueOf(refused.getMessage()));
    }
  }

  /** {@code VectorShape.preferredShape().vectorBitSize()}, without linking to it. */
  private static int widestBits() {
    try {
      Class<?> shape = Class.forName(MODULE + ".VectorShape");
      Object preferred = shape.getMethod("preferredShape").invoke(null);
      return (int) shape.getMethod("vectorBitSize").invoke(preferred);
    } catch (ReflectiveOperationException unexpected) {
      throw new IllegalStateException(
          "the module is there, but not as expected: module=" + MODULE, unexpected);
    }
  }
}
