package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.CacheStory.Failure;
import dev.pagoda.CacheStory.Surroundings;
import dev.pagoda.block.BlockPool;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.block.PoolSurgery;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.pressure.AdmissionAnswer;
import dev.pagoda.pressure.AdmissionControl;
import dev.pagoda.pressure.AdmissionRequest;
import dev.pagoda.tier.SwapSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Bugs that other systems had, planted beneath, into and around a cache. */
class CacheBugsTest {

  // A partly filled block that is shared is written without a copy.

  static final Surroundings NO_COPY_ON_WRITE =
      new Surroundings() {
        @Override
        public boolean comparesCounters() {
          return false; // the bug is planted in one
        }

        @Override
        public void disturb(PagedKvCache cache, int operation) {
          try {
            int[] counts = new PoolSurgery(cache.pool()).array("referenceCounts");
            for (int id = 0; id < counts.length; id++) {
              counts[id] = Math.min(counts[id], 1); // whoever asks is the only owner
            }
          } catch (ReflectiveOperationException e) {
            throw new LinkageError("the cache's fields have other names now", e);
          }
        }
      };

  @Test
  void aSharedTailThatIsWrittenInPlaceIsFound() {
    CacheModelTest.requireNo("", 5, Surroundings.REAL);
    assertThatExceptionOfType(Failure.class)
        .isThrownBy(() -> CacheModelTest.requireNo("content of", 400, NO_COPY_ON_WRITE));
  }

  // Ids out of range.

  /** Reads block 0 in place of what there is not. */
  static final class SanitizingStorage extends InterposedStorage {
    SanitizingStorage(HostStorage host) {
      super(host);
    }

    private int[] sanitized(int[] ids) {
      return IntStream.of(ids).map(id -> id < 0 || id >= numBlocks() ? 0 : id).toArray();
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      super.copyBlocks(sanitized(sources), sanitized(targets), count);
    }
  }

  static void requireChecked(Function<HostStorage, KvStorage> storage) {
    KvLayout layout =
        new KvLayout(KvShape.uniform(1, 1, 4, DType.FP32).withBlockSize(2), KeyOrder.TOKEN_MAJOR);
    HostStorage host = HostStorage.allocate(layout, 3);
    try {
      KvStorage checked = storage.apply(host);
      for (int bad : new int[] {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        assertThatThrownBy(() -> checked.copyBlocks(new int[] {bad}, new int[] {1}, 1))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("blockId=" + bad);
      }
    } finally {
      host.close();
    }
  }

  @Test
  void idsThatAreCorrectedInsteadOfRefusedAreFound() {
    requireChecked(InterposedStorage::new);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireChecked(SanitizingStorage::new));
  }

  // Offsets.

  static void requireWide(KvLayout layout, IntToLongFunction blockOffset) {
    SplittableRandom random = new SplittableRandom(2);
    long before = -1;
    for (int bits = 0; bits < 31; bits++) {
      for (int id : new int[] {(1 << bits) - 1, 1 << bits, random.nextInt(Integer.MAX_VALUE)}) {
        long expected = Math.multiplyExact((long) id, layout.blockBytes());
        assertThat(blockOffset.applyAsLong(id)).as("offset of block %d", id).isEqualTo(expected);
      }
      before = Math.max(before, blockOffset.applyAsLong(1 << bits));
    }
    assertThat(before).isGreaterThan(1L << 40);
  }

  static final KvLayout LARGE =
      new KvLayout(KvShape.uniform(32, 8, 128, DType.BF16), KeyOrder.TOKEN_MAJOR);

  @SuppressWarnings({"NarrowCalculation", "IntLongMath"}) // that is the bug
  static long offsetOf32Bits(int blockId) {
    return blockId * Math.toIntExact(LARGE.blockBytes());
  }

  @Test
  void offsetsOf32BitsAreFound() {
    requireWide(LARGE, LARGE::blockOffset);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireWide(LARGE, CacheBugsTest::offsetOf32Bits));
  }

  // Blocks that are given up before there is a place for them.

  interface Suspension {
    void suspend(PagedKvCache cache, KvSequence sequence, int numSlots);
  }

  /** Slots first, then the content, then the blocks. */
  static void inOrder(PagedKvCache cache, KvSequence sequence, int numSlots) {
    try (SwapSpace space = SwapSpace.open(cache, Capacity.blocks(numSlots))) {
      var _ = space.swapOut(List.of(sequence));
    }
  }

  /** Blocks first. */
  static void outOfOrder(PagedKvCache cache, KvSequence sequence, int numSlots) {
    int numBlocks = sequence.blockIds().length;
    try (BlockPool slots = new BlockPool(numSlots)) {
      ParkedGroup parked = cache.park(List.of(sequence), (storage, ids) -> {});
      slots.allocate(new long[numBlocks], 0, numBlocks);
      assertThat(parked.numBlocks()).isLessThanOrEqualTo(numSlots);
    }
  }

  static void requireAllOrNothing(Suspension suspension) {
    try (SmallCache small = new SmallCache(8, 4)) {
      KvSequence sequence = small.open(10); // one block more than there are slots
      SmallCache.Snapshot before = small.snapshot();
      assertThatThrownBy(() -> suspension.suspend(small.cache, sequence, 2))
          .isInstanceOf(OutOfBlocksException.class);
      try {
        assertThat(small.snapshot()).isEqualTo(before);
      } catch (IllegalStateException notHere) {
        throw new AssertionError("the sequence is gone: " + sequence, notHere);
      }
    }
  }

  @Test
  void aSuspensionThatFailsHalfWayIsFound() {
    requireAllOrNothing(CacheBugsTest::inOrder);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireAllOrNothing(CacheBugsTest::outOfOrder));
  }

  // Requests that are rejected.

  interface Admitting {
    AdmissionAnswer tryAdmit(AdmissionRequest request);
  }

  /** Takes what there is, looks whether it is enough, and forgets it if not. */
  static Admitting forgetful(PagedKvCache cache) {
    AdmissionControl control = new AdmissionControl(cache, 1);
    return request -> {
      AdmissionAnswer answer = control.tryAdmit(request);
      if (answer instanceof AdmissionAnswer.Deferred deferred && deferred.numAvailable() > 0) {
        var _ = cache.reserve(1);
      }
      return answer;
    };
  }

  static void requireNothingHeld(Function<PagedKvCache, Admitting> control) {
    try (SmallCache small = new SmallCache(12, 2)) {
      Admitting admitting = control.apply(small.cache);
      SplittableRandom random = new SplittableRandom(4);
      List<BlockReservation> admitted = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        AdmissionRequest request = AdmissionRequest.of(random.nextInt(1, 20), random.nextInt(12));
        if (admitting.tryAdmit(request) instanceof AdmissionAnswer.Admitted in) {
          admitted.add(in.reservation());
        }
        while (admitted.size() > random.nextInt(4)) {
          admitted.removeFirst().close();
        }
      }
      admitted.forEach(BlockReservation::close);
      assertThat(small.cache.statistics().blocks().numAvailable())
          .as("blocks are held for nobody")
          .isEqualTo(12);
      small.requireNothingLeaks();
    }
  }

  @Test
  void blocksThatARejectedRequestHoldsAreFound() {
    requireNothingHeld(cache -> new AdmissionControl(cache, 1)::tryAdmit);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireNothingHeld(CacheBugsTest::forgetful))
        .withMessageContaining("blocks are held for nobody");
  }
}
