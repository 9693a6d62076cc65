package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.layout.DType;
import dev.pagoda.testing.Seeds;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A long life of forks, copies before writes, rewinds, rollbacks and swaps: after each event
 * attention on the device agrees with that of a cache of plain Java that lived through the same.
 */
@Tag("gpu")
class CudaStoryTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final int EVENTS = 250;

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(DType.class)
  void bothCachesTellTheSame(DType dtype) {
    try (DeviceStory story =
        new DeviceStory(
            CudaPlace.firstDevice(),
            dtype,
            Seeds.generator(SEED, "story " + dtype),
            "seed=" + SEED)) {
      for (int event = 0; event < EVENTS; event++) {
        story.go();
      }
    }
  }
}
