package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VectorModuleTest {
  private static final String HOTSPOT = "OpenJDK 64-Bit Server VM";

  @Test
  void theModuleIsThereWhenTheJvmWasStartedWithIt() {
    assertThat(VectorModule.unavailabilityReason()).isEmpty();
  }

  @Test
  void hotSpotWithItsSecondCompilerWillDo() {
    assertThat(VectorModule.compilerReason(HOTSPOT, "mixed mode, sharing")).isEmpty();
    assertThat(VectorModule.compilerReason("Java HotSpot(TM) 64-Bit Server VM", "mixed mode"))
        .isEmpty();
  }

  @Test
  void aJvmThatOnlyInterpretsOrHasNoSecondCompilerIsNamed() {
    assertThat(VectorModule.compilerReason(HOTSPOT, "interpreted mode, sharing"))
        .get()
        .asString()
        .endsWith("java.vm.info=interpreted mode, sharing");
    assertThat(VectorModule.compilerReason(HOTSPOT, "mixed mode, emulated-client, sharing"))
        .get()
        .asString()
        .contains("C2");
  }

  @Test
  void anotherJvmIsNamed() {
    assertThat(VectorModule.compilerReason("Eclipse OpenJ9 VM", "JIT enabled"))
        .get()
        .asString()
        .endsWith("vm=Eclipse OpenJ9 VM");
  }

  @Test
  void vectorsTooNarrowAreNamed() {
    assertThat(VectorModule.widthReason(64)).get().asString().endsWith("widestBits=64");
    assertThat(VectorModule.widthReason(512)).isEmpty();
  }
}
