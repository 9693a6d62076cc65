package dev.pagoda.internal.cuda;

/** A program of its own, for what must be seen in another JVM: prints why there is no CUDA. */
final class ReasonPrinter {
  private ReasonPrinter() {}

  public static void main(String[] args) {
    System.out.println(CudaDevices.unavailabilityReason().orElse("there is one"));
  }
}
