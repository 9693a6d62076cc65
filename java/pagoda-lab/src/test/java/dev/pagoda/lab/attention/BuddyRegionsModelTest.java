package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The buddy allocator against the plainest one: a map of slots, and aligned runs of free ones. */
class BuddyRegionsModelTest {
  private static final int NUM_TOKENS = 256 + 64 + 8;
  private static final int[][] ROOTS = {{0, 256}, {256, 64}, {320, 8}};

  /** Slots in use, and the lengths that were given out. */
  private static final class Model {
    private final boolean[] taken = new boolean[NUM_TOKENS];
    private final Map<Integer, Integer> regions = new TreeMap<>();

    /** Whether an aligned run of that length is free anywhere. */
    boolean has(int numTokens) {
      int length = ReservationPolicy.powerOfTwoFrom(numTokens);
      for (int[] root : ROOTS) {
        for (int start = root[0]; start + length <= root[0] + root[1]; start += length) {
          if (isFree(start, length)) {
            return true;
          }
        }
      }
      return false;
    }

    private boolean isFree(int start, int length) {
      for (int slot = start; slot < start + length; slot++) {
        if (taken[slot]) {
          return false;
        }
      }
      return true;
    }

    void take(int start, int numTokens) {
      int length = ReservationPolicy.powerOfTwoFrom(numTokens);
      assertThat(start % length).as("aligned to its length").isZero();
      assertThat(isFree(start, length)).as("nobody else's").isTrue();
      Arrays.fill(taken, start, start + length, true);
      regions.put(start, length);
    }

    void giveBack(int start) {
      Arrays.fill(taken, start, start + regions.remove(start), false);
    }
  }

  @Test
  void findsAnAlignedFreeRunWheneverThereIsOne() {
    long seed = Long.getLong("dev.pagoda.test.seed", 1);
    Random random = new Random(seed);
    RegionMap buddy = RegionMap.buddy(NUM_TOKENS);
    Model model = new Model();
    int numRefused = 0;
    for (int i = 0; i < 20_000; i++) {
      if (random.nextInt(5) < 3) {
        int wanted = 1 + (int) Math.pow(random.nextInt(300) + 1, random.nextDouble());
        OptionalInt start = buddy.take(wanted);
        assertThat(start.isPresent())
            .as("seed=%d, operation=%d, tokens=%d", seed, i, wanted)
            .isEqualTo(model.has(wanted));
        start.ifPresent(at -> model.take(at, wanted));
        numRefused += start.isPresent() ? 0 : 1;
      } else if (!model.regions.isEmpty()) {
        Integer[] starts = model.regions.keySet().toArray(Integer[]::new);
        int start = starts[random.nextInt(starts.length)];
        buddy.giveBack(start);
        model.giveBack(start);
      }
    }
    assertThat(numRefused).isGreaterThan(100);
    for (int start : model.regions.keySet().toArray(Integer[]::new)) {
      buddy.giveBack(start);
    }
    assertThat(buddy.take(256)).hasValue(0);
    assertThat(buddy.take(64)).hasValue(256);
    assertThat(buddy.take(8)).hasValue(320);
  }
}
