package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegionMapTest {
  @Test
  void buddiesAreHalvedAndJoinAgain() {
    RegionMap regions = new BuddyRegions(16);
    assertThat(regions.take(3)).hasValue(0);
    assertThat(regions.take(8)).hasValue(8);
    assertThat(regions.take(4)).hasValue(4);
    assertThat(regions.take(1)).isEmpty();
    regions.giveBack(0);
    regions.giveBack(4);
    assertThat(regions.take(8)).hasValue(0);
    regions.giveBack(0);
    regions.giveBack(8);
    assertThat(regions.take(16)).hasValue(0);
  }

  @Test
  void memoryThatIsNoPowerOfTwoBeginsAsSeveralRegions() {
    RegionMap regions = new BuddyRegions(15_700);
    for (int i = 0; i < 7; i++) {
      assertThat(regions.take(2048)).isPresent();
    }
    assertThat(regions.take(2048)).as("the rest is 1,364 tokens").isEmpty();
    assertThat(regions.take(1024)).isPresent();
  }

  @Test
  void firstFitTakesTheLowestHoleAndJoinsNeighbours() {
    RegionMap regions = new FirstFitRegions(10);
    assertThat(regions.take(3)).hasValue(0);
    assertThat(regions.take(3)).hasValue(3);
    assertThat(regions.take(3)).hasValue(6);
    regions.giveBack(3);
    assertThat(regions.take(4)).as("two holes of 3 and 1").isEmpty();
    regions.giveBack(0);
    assertThat(regions.take(6)).hasValue(0);
    regions.giveBack(6);
    assertThat(regions.take(4)).hasValue(6);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void regionsNeverOverlapAndAllOfThemComesBack(long seed) {
    for (RegionMap regions : List.of(new BuddyRegions(1024), new FirstFitRegions(1024))) {
      Random random = new Random(seed);
      List<int[]> taken = new ArrayList<>();
      boolean[] isTaken = new boolean[1024];
      for (int i = 0; i < 5000; i++) {
        if (random.nextBoolean()) {
          int length = 1 + random.nextInt(100);
          OptionalInt start = regions.take(length);
          if (start.isPresent()) {
            taken.add(new int[] {start.getAsInt(), length});
            mark(isTaken, start.getAsInt(), length, true, seed);
          }
        } else if (!taken.isEmpty()) {
          int[] region = taken.remove(random.nextInt(taken.size()));
          mark(isTaken, region[0], region[1], false, seed);
          regions.giveBack(region[0]);
        }
      }
      taken.forEach(region -> regions.giveBack(region[0]));
      assertThat(regions.take(1024)).as("seed=" + seed).hasValue(0);
    }
  }

  private static void mark(boolean[] isTaken, int start, int length, boolean value, long seed) {
    for (int i = start; i < start + length; i++) {
      assertThat(isTaken[i]).as("token=" + i + ", seed=" + seed).isNotEqualTo(value);
      isTaken[i] = value;
    }
  }

  @Test
  void refusesToGiveBackWhatIsNotTaken() {
    for (RegionMap regions : List.of(new BuddyRegions(8), new FirstFitRegions(8))) {
      assertThatIllegalStateException()
          .isThrownBy(() -> regions.giveBack(4))
          .withMessageContaining("firstToken=4");
    }
  }
}
