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
import dev.pagoda.testing.TypedRows.Form;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * A random life of forks, copies before writes, rewinds, rollbacks and swaps, event by event, on a
 * device and in plain Java. One thread at a time.
 */
final class DeviceStory implements AutoCloseable {
  private static final int NUM_BLOCKS = 96;

  private final String what;
  private final RandomGenerator random;
  private final TwoCaches caches;
  private final SwapSpace device;
  private final SwapSpace scalar;
  private final List<Pair> pairs = new ArrayList<>();
  private int numEvents;

  /**
   * Opens both caches.
   *
   * @param what begins the message of each failure
   */
  DeviceStory(CudaPlace place, DType dtype, RandomGenerator random, String what) {
    this.what = what;
    this.random = random;
    KvShape shape = KvShape.uniform(2, 2, 64, dtype).withBlockSize(8);
    // No room at first, so that the step's arrays grow and move while the story goes on.
    CudaPlace small = place.withRoom(new StepRoom(1, 1, 1));
    caches = new TwoCaches(shape, NUM_BLOCKS, small, Form.ARRAY, random);
    device = SwapSpace.open(caches.device, Capacity.blocks(NUM_BLOCKS), Checks.DEBUG);
    scalar = SwapSpace.open(caches.scalar, Capacity.blocks(NUM_BLOCKS), Checks.DEBUG);
  }

  /** The next event, and whether the device still tells what plain Java does. */
  void go() {
    String where = what + ", event " + numEvents++;
    switch (pairs.isEmpty() ? 0 : random.nextInt(8)) {
      case 0 -> pairs.add(caches.open());
      case 1 -> {
        Pair parent = pick();
        pairs.add(parent.fork(random.nextInt(parent.length() + 1)));
      }
      case 2 -> {
        Pair pair = pick();
        pair.truncate(random.nextInt(pair.length() + 1));
      }
      case 3 -> pairs.remove(random.nextInt(pairs.size())).close();
      case 4 -> swapAndBack();
      case 5 -> caches.beginAndRollBack(new Growth(pick(), 1 + random.nextInt(5)));
      default -> grow(where);
    }
    if (pairs.size() > 12) {
      pairs.remove(random.nextInt(pairs.size())).close();
    }
    assertThat(caches.device.statistics().blocks().numFree())
        .as(where)
        .isEqualTo(caches.scalar.statistics().blocks().numFree());
    caches.device.checkConservation();
  }

  private Pair pick() {
    return pairs.get(random.nextInt(pairs.size()));
  }

  private void grow(String where) {
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

  private void swapAndBack() {
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

  @Override
  public void close() {
    device.close();
    scalar.close();
    caches.close();
  }
}
