package dev.pagoda.story;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.PagedKvCache;
import dev.pagoda.internal.cuda.NativeBuild;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixStories.Faults;
import dev.pagoda.story.WholeModelTest.Setting;
import dev.pagoda.story.WholeModelTest.ShrunkFailure;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The whole model once more where blocks lie on a device, with fewer operations. */
@Tag("gpu")
class WholeModelOnDeviceTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final int EPISODES = Integer.getInteger("dev.pagoda.test.deviceEpisodes", 10);
  private static final int OPERATIONS_PER_EPISODE = 1_000;

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @Test
  void everythingTogetherAgreesWithTheReference() {
    Outcomes outcomes = new Outcomes();
    DeviceStories stories = new DeviceStories();
    Setting setting = new Setting(Faults.NONE, stories, outcomes);
    for (int episode = 0; episode < EPISODES; episode++) {
      long operations = WholeModelTest.episode(SEED + episode, OPERATIONS_PER_EPISODE, setting);
      assertThat(operations).isEqualTo(OPERATIONS_PER_EPISODE);
    }
    System.out.println("WholeModelOnDeviceTest: " + outcomes.counts());
    assertThat(stories.numFailed()).as("copies that failed").isPositive();
  }

  /** Looks at other blocks than it was asked to. */
  private static final class WrongBlocks extends DeviceStories {
    @Override
    public void read(PagedKvCache cache, HostStorage host, int[] blockIds) {
      int[] wrong = blockIds.clone();
      if (wrong.length > 1) {
        wrong[0] = blockIds[1];
      }
      copy(cache, host, wrong, blockIds);
    }
  }

  @Test
  void contentOfAnotherBlockIsFound() {
    Setting setting = new Setting(Faults.NONE, new WrongBlocks(), new Outcomes());
    assertThatExceptionOfType(ShrunkFailure.class)
        .isThrownBy(() -> {
          for (long seed = 1; seed < 5; seed++) {
            var _ = WholeModelTest.episode(seed, OPERATIONS_PER_EPISODE, setting);
          }
        })
        .withMessageContaining("content=");
  }
}
