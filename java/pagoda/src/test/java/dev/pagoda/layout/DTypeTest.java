package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DTypeTest {
  @Test
  void byteSizesAreThoseOfTheFormats() {
    assertThat(DType.FP32.byteSize()).isEqualTo(4);
    assertThat(DType.FP16.byteSize()).isEqualTo(2);
    assertThat(DType.BF16.byteSize()).isEqualTo(2);
  }
}
