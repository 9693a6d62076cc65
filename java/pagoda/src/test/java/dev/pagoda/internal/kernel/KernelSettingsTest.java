package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class KernelSettingsTest {
  @Test
  void theWidestVectorsAreTakenUnlessOthersAreAskedFor() {
    assertThat(KernelSettings.vectorBits("", 256)).isEqualTo(256);
    assertThat(KernelSettings.vectorBits("128", 256)).isEqualTo(128);
    assertThat(KernelSettings.vectorBits("256", 256)).isEqualTo(256);
  }

  @Test
  void vectorsWiderThanAGroupOfSixteenAreNotTaken() {
    assertThat(KernelSettings.vectorBits("", 2048)).isEqualTo(512);
  }

  @Test
  void aWidthThatTheMachineLacksIsRefusedWithBothNumbers() {
    assertThatThrownBy(() -> KernelSettings.vectorBits("512", 256))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("widestBits=256")
        .hasMessageEndingWith("dev.pagoda.vectorBits=512");
  }

  @Test
  void aWidthThatDoesNotExistIsRefused() {
    for (String asked : new String[] {"64", "1024", "wide", "-1"}) {
      assertThatThrownBy(() -> KernelSettings.vectorBits(asked, 512))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageEndingWith("dev.pagoda.vectorBits=" + asked);
    }
  }
}
