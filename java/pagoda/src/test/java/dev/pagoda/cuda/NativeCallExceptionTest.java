package dev.pagoda.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NativeCallExceptionTest {
  @Test
  void saysWhichFunctionFailedAndWhy() {
    NativeCallException exception =
        new NativeCallException("pagoda_device_count", 2, 35, "no driver: driver_version=0");

    assertThat(exception)
        .hasMessage(
            "pagoda_device_count failed: no driver: driver_version=0 (status=2, cudaError=35)");
    assertThat(exception.function()).isEqualTo("pagoda_device_count");
    assertThat(exception.status()).isEqualTo(2);
    assertThat(exception.cudaError()).isEqualTo(35);
    assertThat(exception.text()).isEqualTo("no driver: driver_version=0");
  }
}
