package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.StepRoom;
import dev.pagoda.internal.cuda.TwoCaches.Calls;
import dev.pagoda.internal.cuda.TwoCaches.Growth;
import dev.pagoda.internal.cuda.TwoCaches.Pair;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.testing.Seeds;
import dev.pagoda.testing.TypedRows.Form;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A long random life of forks, copies before writes, rewinds, rollbacks and swaps: after each event
 * attention on the device agrees with that of a cache of plain Java that lived through the same.
 */
@Tag("gpu")
class CudaStoryTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final int NUM_BLOCKS = 96;
  private static final int EVENTS = 250;

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(DType.class)
  void bothCachesTellTheSame(DType dtype) {
    RandomGenerator random = Seeds.generator(SEED, "story " + dtype);
    KvShape shape = KvShape.uniform(2, 2, 64, dtype).withBlockSize(8);
    // No room at first, so that the step's arrays grow and move while the story goes on.
    CudaPlace place = CudaPlace.firstDevice().withRoom(new StepRoom(1, 1, 1));
    String what = "seed=" + SEED;
    try (TwoCaches caches = new TwoCaches(shape, NUM_BLOCKS, place, Form.ARRAY, random);
        SwapSpace device =
            SwapSpace.open(caches.device, Capacity.blocks(NUM_BLOCKS), Checks.DEBUG);
        SwapSpace scalar =
            SwapSpace.open(caches.scalar, Capacity.blocks(NUM_BLOCKS), Checks.DEBUG)) {
      List<Pair> pairs = new ArrayList<>();
      for (int event = 0; event < EVENTS; event++) {
        String where = what + ", event " + event;
        switch (pairs.isEmpty() ? 0 : random.nextInt(8)) {
          case 0 -> pairs.add(caches.open());
          case 1 -> {
            Pair parent = pick(pairs, random);
            pairs.add(parent.fork(random.nextInt(parent.length() + 1)));
          }
          case 2 -> {
            Pair pair = pick(pairs, random);
            pair.truncate(random.nextInt(pair.length() + 1));
          }
          case 3 -> pairs.remove(random.nextInt(pairs.size())).close();
          case 4 -> swapAndBack(pairs, device, scalar, random);
          case 5 -> rollBack(caches, pairs, random);
          default -> grow(caches, pairs, where, random);
        }
        if (pairs.size() > 12) {
          pairs.remove(random.nextInt(pairs.size())).close();
        }
        assertThat(caches.device.statistics().blocks().numFree())
            .as(where)
            .isEqualTo(caches.scalar.statistics().blocks().numFree());
        caches.device.checkConservation();
      }
    }
  }

  private static Pair pick(List<Pair> pairs, RandomGenerator random) {
    return pairs.get(random.nextInt(pairs.size()));
  }

  private static void grow(
      TwoCaches caches, List<Pair> pairs, String where, RandomGenerator random) {
    List<Growth> growths = new ArrayList<>();
    for (Pair pair : pairs) {
      if (random.nextInt(3) > 0 && pair.length() < 40) {
        growths.add(new Growth(pair, random.nextBoolean() ? 1 : 1 + random.nextInt(12)));
      }
    }
    if (growths.isEmpty() || caches.device.statistics().blocks().numFree() < 3 * growths.size()) {
      return;
    }
    AttentionSpec spec = AttentionSpec.causal(6, 0.125f);
    switch (random.nextInt(3)) {
      case 0 -> spec = spec.withMask(AttentionMask.slidingWindow(1 + random.nextInt(30)));
      case 1 -> spec = spec.withLogitSoftCap(4f).withSinks(1f, -1f, 0f, 2f, 0.5f, -3f);
      default -> {}
    }
    caches.step(growths, spec, Calls.WHOLE_STEP, where);
  }

  private static void rollBack(TwoCaches caches, List<Pair> pairs, RandomGenerator random) {
    Pair pair = pick(pairs, random);
    caches.beginAndRollBack(new Growth(pair, 1 + random.nextInt(5)));
  }

  private static void swapAndBack(
      List<Pair> pairs, SwapSpace device, SwapSpace scalar, RandomGenerator random) {
    List<KvSequence> here = new ArrayList<>();
    List<KvSequence> there = new ArrayList<>();
    for (Pair pair : pairs) {
      if (random.nextBoolean()) {
        here.add(pair.device());
        there.add(pair.scalar());
      }
    }
    if (!here.isEmpty()) {
      SwappedGroup out = device.swapOut(here);
      SwappedGroup outThere = scalar.swapOut(there);
      device.swapIn(out);
      scalar.swapIn(outThere);
    }
  }
}
