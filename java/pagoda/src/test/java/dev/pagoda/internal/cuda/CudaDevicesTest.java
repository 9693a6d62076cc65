package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class CudaDevicesTest {
  private static final CudaDevice H200 =
      new CudaDevice(
          0,
          "NVIDIA H200",
          new ComputeCapability(9, 0),
          new DeviceMemory(150L << 30, 149L << 30),
          132,
          new CudaVersions(13010, 13000));

  @Test
  void giveAReasonOrDevices() {
    boolean isPresent = CudaDevices.query() instanceof DeviceAnswer.Present;

    assertThat(CudaDevices.unavailabilityReason().isEmpty()).isEqualTo(isPresent);
  }

  @Test
  void areNotAskedForWithoutALibraryOrADriver() {
    LibrarySearch nowhere = new LibrarySearch("libpagoda.so", "linux-x86_64", List.of());

    assertThat(CudaDevices.absence(nowhere, true)).get().asString().contains("not on the class");
    NativeBuild.requireLibrary();
    assertThat(CudaDevices.absence(LibrarySearch.fromSystemProperties(), false))
        .get()
        .asString()
        .contains("no NVIDIA driver");
    assertThat(CudaDevices.absence(LibrarySearch.fromSystemProperties(), true)).isEmpty();
  }

  @Test
  void missTheDriverByNameWhereThereIsNone() {
    NativeBuild.requireLibrary();
    assumeFalse(
        Files.exists(Path.of("/proc/driver/nvidia/version"))
            || Files.exists(Path.of("/dev/nvidiactl")),
        "this machine has an NVIDIA driver");

    assertThat(CudaDevices.query())
        .isEqualTo(
            new DeviceAnswer.None(
                "no NVIDIA driver is installed on this machine: driver_version=0"));
    assertThat(CudaDevices.unavailabilityReason()).get().asString().contains("no NVIDIA driver");
  }

  @Test
  void areRefusedByIndexOnEveryMachine() {
    NativeBuild.requireLibrary();

    assertThatExceptionOfType(NativeCallException.class)
        .isThrownBy(() -> DeviceCalls.describe(-1))
        .withMessageContaining("device_idx=-1")
        .satisfies(exception ->
            assertThat(exception.status()).isEqualTo(pagoda_h.PAGODA_STATUS_INVALID_ARGUMENT()));
  }

  @Test
  void areNoReasonWhereTheyAre() {
    assertThat(CudaDevices.reason(new DeviceAnswer.Present(List.of(H200)))).isEmpty();
    assertThat(H200.describe())
        .isEqualTo(
            "NVIDIA H200 with compute capability 9.0, 132 multiprocessors and 150.0 GiB, driver for"
                + " CUDA 13.1, library of CUDA 13.0");
  }

  @Test
  @Tag("gpu")
  void runAKernelOfTheLibrary() {
    List<CudaDevice> devices = NativeBuild.devices();

    assertThat(devices)
        .allSatisfy(device -> {
          System.out.println("CUDA device " + device.deviceIndex() + ": " + device.describe());
          assertThat(device.memory().freeBytes()).isBetween(1L, device.memory().totalBytes());
          assertThat(device.numMultiprocessors()).isPositive();
          assertThat(DeviceCalls.check(device.deviceIndex()))
              .isBetween(
                  80, 10 * device.computeCapability().major() + device.computeCapability().minor());
        });
    assertThat(CudaDevices.unavailabilityReason()).isEmpty();
  }
}
