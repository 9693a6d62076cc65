package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import dev.pagoda.SmallCache.Snapshot;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.testing.PoolNumbers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PagedKvCacheTest {
  private static final int BLOCK_SIZE = 4;
  private static final KvShape SHAPE =
      KvShape.uniform(1, 1, 8, DType.FP32).withBlockSize(BLOCK_SIZE); // 256 bytes a block

  private static PagedKvCache open(Capacity capacity) {
    return PagedKvCache.open(SHAPE, Backend.SCALAR, capacity);
  }

  // Opening.

  @Test
  void aNewCacheIsEmptyAndSaysWhatItIs() {
    try (PagedKvCache cache = open(Capacity.blocks(5))) {
      assertThat(cache.shape()).isEqualTo(SHAPE);
      assertThat(cache.backend()).isEqualTo(Backend.SCALAR);
      assertThat(cache.layout().blockBytes()).isEqualTo(256);
      assertThat(cache.describe())
          .startsWith("scalar: ")
          .endsWith("5 blocks of 4 tokens, 256 bytes each; 4 KiB pages: too small for others");
      assertThat(cache.toString()).contains(cache.describe());
      assertThat(cache.statistics())
          .isEqualTo(
              new CacheStatistics(
                  PoolNumbers.uncached(5, 5, 0, 0, 0, 0, 0), 256, 0, 0, 0, 0, 0, 0));
      cache.checkConservation();
    }
  }

  @Test
  void bytesAreRoundedDownToWholeBlocks() {
    for (long bytes : new long[] {512, 513, 767}) {
      try (PagedKvCache cache = open(Capacity.bytes(bytes))) {
        assertThat(cache.statistics().blocks().numBlocks()).isEqualTo(2);
        assertThat(cache.statistics().poolBytes()).isEqualTo(512);
      }
    }
  }

  @Test
  void capacityThatCannotBeHadIsRefusedWithTheNumbers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(Capacity.bytes(255)))
        .withMessageEndingWith("blockBytes=256, poolBytes=255");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(Capacity.bytes(Long.MAX_VALUE)))
        .withMessageEndingWith("blockBytes=256, poolBytes=" + Long.MAX_VALUE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(Capacity.bytes(1L << 38)))
        .withMessageContaining("blockBytes=256, poolBytes=" + (1L << 38));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(Capacity.blocks(Integer.MAX_VALUE)))
        .withMessageContaining("poolBytes=" + 256L * Integer.MAX_VALUE);
  }

  @Test
  void aCacheWithinTheCallersMemoryUsesItAndLeavesItOpen() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(3 * 256 + 100, 64);
      PagedKvCache cache = open(Capacity.within(memory));
      assertThat(cache.statistics().blocks().numBlocks()).isEqualTo(3);
      cache.close();
      memory.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(Capacity.within(memory.asSlice(0, 255))));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(Capacity.within(memory.asSlice(8))));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(Capacity.within(MemorySegment.ofArray(new long[100]))));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(Capacity.within(memory.asReadOnly())));
    }
  }

  @Test
  void whatIsMissingIsRefused() {
    assertThatNullPointerException()
        .isThrownBy(() -> PagedKvCache.open(null, Backend.SCALAR, Capacity.blocks(1)));
    assertThatNullPointerException().isThrownBy(() -> open(null));
    assertThatNullPointerException()
        .isThrownBy(() -> PagedKvCache.open(SHAPE, null, Capacity.blocks(1)));
    assertThatNullPointerException()
        .isThrownBy(() -> PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(1), null));
  }

  @Test
  void aBackendAskedForByNameAndNotToBeHadIsRefusedNeverReplaced() {
    assumeTrue(
        Backend.CUDA.unavailabilityReason().isPresent(), "there is a CUDA device on this machine");
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> PagedKvCache.open(SHAPE, Backend.CUDA, Capacity.blocks(1)))
        .withMessageEndingWith("backend=cuda");
  }

  // Statistics.

  @Test
  void statisticsFollowWhatHappens() {
    try (SmallCache small = new SmallCache(8, BLOCK_SIZE)) {
      KvSequence one = small.open(6);
      KvSequence two = small.fork(one);
      small.grow(two, 1);
      Begun begun = small.begin(Growth.of(one, 9));
      assertThat(small.cache.statistics().numTokens())
          .as("what is not committed is not counted")
          .isEqualTo(13);
      begun.step.rollback();
      CacheStatistics statistics = small.cache.statistics();

      assertThat(statistics.blocks()).isEqualTo(PoolNumbers.uncached(8, 5, 1, 4, 5, 5, 0));
      assertThat(statistics.numSequences()).isEqualTo(2);
      assertThat(statistics.numForks()).isEqualTo(1);
      assertThat(statistics.numBlockCopies()).isEqualTo(1);
      assertThat(statistics.numStepsCommitted()).isEqualTo(2);
      assertThat(statistics.numStepsRolledBack()).isEqualTo(1);
      assertThat(statistics.poolBytes()).isEqualTo(8 * small.cache.layout().blockBytes());
      assertThat(statistics.usedBytes()).isEqualTo(3 * small.cache.layout().blockBytes());
    }
  }

  // Closing.

  @Test
  void closingWhileSequencesAreOpenNamesThemAndChangesNothing() {
    try (SmallCache small = new SmallCache(32, BLOCK_SIZE)) {
      List<KvSequence> open = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        open.add(small.open(3));
      }
      Snapshot before = small.snapshot();
      Throwable thrown = catchThrowable(small.cache::close);

      assertThat(thrown)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("numSequences=10")
          .hasMessageContaining("KvSequence[id=" + open.getFirst().id() + ", length=3");
      assertThat(small.snapshot()).isEqualTo(before);
      small.grow(open.getFirst(), 1);
      open.forEach(small::close);
      small.cache.close();
    }
  }

  @Test
  void closeAllClosesWhateverIsOpen() {
    SmallCache small = new SmallCache(16, BLOCK_SIZE);
    KvSequence one = small.open(6);
    KvSequence two = small.fork(one);
    KvSequence three = small.open(2);
    KvSequence closed = small.open(1);
    closed.close();
    small.cache.park(List.of(three), (storage, ids) -> {});
    small.cache.closeAll();

    assertThat(List.of(one, two, three, closed)).allMatch(KvSequence::isClosed);
    assertThat(small.cache.statistics().blocks().numFree()).isEqualTo(16);
    assertThat(small.cache.statistics().numTokens()).isZero();
    assertThat(small.host.segment().scope().isAlive()).isFalse();
    one.close(); // still allowed
  }

  @Test
  void closeAllWhileASequenceIsInAStepIsRefusedAndChangesNothing() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      KvSequence idle = small.open(3);
      KvSequence busy = small.open(2);
      Begun begun = small.begin(Growth.of(busy, 1)).write();
      Snapshot before = small.snapshot();

      assertThatIllegalStateException()
          .isThrownBy(small.cache::closeAll)
          .withMessageContaining("id=" + busy.id());
      assertThatIllegalStateException().isThrownBy(small.cache::close);
      assertThat(small.snapshot()).isEqualTo(before);
      assertThat(idle.isClosed()).isFalse();
      begun.commit();
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  @Test
  void aClosedCacheRefusesAllButQuestions() {
    PagedKvCache cache = open(Capacity.blocks(2));
    Step step = cache.newStep();
    cache.close();

    assertThatIllegalStateException()
        .isThrownBy(cache::close)
        .withMessageContaining("the cache is closed");
    assertThatIllegalStateException().isThrownBy(cache::closeAll);
    assertThatIllegalStateException().isThrownBy(cache::newSequence);
    assertThatIllegalStateException().isThrownBy(cache::newStep);
    assertThatIllegalStateException().isThrownBy(step::begin);
    assertThat(cache.statistics().blocks().numFree()).isEqualTo(2);
    assertThat(cache.describe()).isNotEmpty();
  }

  @Test
  void inDebugModeFreeBlocksAreSpoiledFromTheStart() {
    try (SmallCache small = new SmallCache(3, BLOCK_SIZE)) {
      small.requireNothingLeaks(); // which looks at every byte of every free block
    }
  }

  @Test
  void inStandardModeMemoryIsLeftAsItWas() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(2 * 256, 64);
      memory.fill((byte) 5);
      PagedKvCache cache = open(Capacity.within(memory));
      KvSequence sequence = cache.newSequence();
      try (Step step = cache.newStep()) {
        step.append(sequence, 8).begin();
      }
      cache.closeAll();
      assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).containsOnly(5);
    }
  }

  // The detector itself: each of these faults was planted, and is found.

  private record Fault(String name, Surgery surgery) {
    @Override
    public String toString() {
      return name;
    }
  }

  private interface Surgery {
    void operate(SmallCache small, KvSequence one, KvSequence fork)
        throws ReflectiveOperationException;
  }

  private static Stream<Fault> faults() {
    return Stream.of(
        new Fault(
            "a block that no table knows", (small, one, fork) -> small.cache.pool().allocate()),
        new Fault(
            "an owner that no table knows",
            (small, one, fork) ->
                small.cache.pool().retain(new long[] {one.table.handle(0)}, 0, 1)),
        new Fault(
            "an owner released behind a table's back",
            (small, one, fork) -> small.cache.pool().release(one.table.handle(0))),
        new Fault(
            "a block freed behind a table's back",
            (small, one, fork) -> small.cache.pool().release(one.table.handle(2))),
        new Fault(
            "a table with another's block",
            (small, one, fork) -> fork.table.replaceLast(one.table.handle(2))),
        new Fault(
            "a table with a block too many",
            (small, one, fork) -> one.table.append(small.cache.pool().allocate())),
        new Fault("a table with a block too few", (small, one, fork) -> one.table.truncate(2)),
        new Fault("a length that is wrong", (small, one, fork) -> one.setLength(13)),
        new Fault(
            "tokens miscounted",
            (small, one, fork) -> new CacheSurgery(small.cache).setLong("numTokens", 99)),
        new Fault(
            "a sequence that the cache forgot",
            (small, one, fork) -> new CacheSurgery(small.cache).list("sequences").removeLast()));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void theConservationCheckFindsPlantedFault(Fault fault) throws ReflectiveOperationException {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      KvSequence one = small.open(9);
      KvSequence fork = small.fork(one, 8);
      small.cache.checkConservation();

      fault.surgery.operate(small, one, fork);
      assertThatIllegalStateException().isThrownBy(small.cache::checkConservation);
    }
  }

  @Test
  void conservationIsNotCheckedWhileAStepHoldsBlocks() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      Begun begun = small.begin(Growth.of(small.open(3), 1));
      assertThatIllegalStateException()
          .isThrownBy(small.cache::checkConservation)
          .withMessageContaining("in a step");
      begun.step.rollback();
      small.cache.checkConservation();
    }
  }
}
