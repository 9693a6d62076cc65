package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.FirstIdleFirst;
import dev.pagoda.block.OutOfBlocksException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A pool of six blocks, of which four are idle: blocks 0 to 3, idle in that order. */
class BlockSupplyTest {
  private static final int BLOCKS = 6;
  private static final int IDLE = 4;

  private final SmallCache small = new SmallCache(BLOCKS, 4);
  private final List<Integer> saved = new ArrayList<>();
  private Runnable whileSaving = () -> {};
  private final CachedBlocks blocks =
      small.cache.openCachedBlocks(
          new FirstIdleFirst(),
          (storage, blockIds) -> {
            whileSaving.run();
            for (int blockId : blockIds) {
              saved.add(blockId);
            }
            return BlockEviction.Return.NONE;
          });
  private final long[] idle = blocks.take(IDLE);

  BlockSupplyTest() {
    for (int i = 0; i < IDLE; i++) {
      assertThat(blocks.cache(idle[i])).isTrue();
      blocks.release(idle, i, i + 1);
    }
  }

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    for (long handle : idle) {
      var _ = blocks.uncache(handle);
    }
    blocks.close();
    small.requireNothingLeaks();
    small.close();
  }

  private BlockStatistics numbers() {
    return small.cache.statistics().blocks();
  }

  private void requireAsBefore() {
    assertThat(numbers().numFree()).isEqualTo(BLOCKS - IDLE);
    assertThat(numbers().numIdle()).isEqualTo(IDLE);
    assertThat(numbers().numReserved()).isZero();
    assertThat(saved).isEmpty();
  }

  @Test
  void freeBlocksAreTakenBeforeIdleOnesAndOnlyTheseAreSaved() {
    long[] three = blocks.take(3);
    assertThat(saved).containsExactly(0);
    assertThat(BlockHandle.blockId(three[2])).isZero();
    assertThat(blocks.isCached(idle[0])).isFalse();
    assertThat(blocks.isCached(idle[1])).isTrue();
    blocks.release(three, 0, 3);
  }

  @Test
  void aPromiseOfIdleBlocksSavesThemAndLeavesThemFreeForItsHolderAlone() {
    try (BlockReservation five = small.cache.reserve(5)) {
      assertThat(five.numLeft()).isEqualTo(5);
      assertThat(saved).containsExactly(0, 1, 2);
      assertThat(numbers().numFree()).isEqualTo(5);
      assertThat(numbers().numAvailable()).as("the last idle one").isEqualTo(1);
      small.cache.checkConservation();
    }
  }

  @Test
  void aPromiseThatCannotBeKeptGivesNothingUp() {
    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> small.cache.reserve(BLOCKS + 1));
    requireAsBefore();
    assertThat(small.cache.tryReserve(Integer.MAX_VALUE)).isEmpty();
    requireAsBefore();
    assertThat(small.cache.reserve(0).numLeft()).isZero();
    requireAsBefore();
  }

  @Test
  void aSaveThatFailsFailsTheRequestAndLosesOnlyWhatWasGivenUp() {
    whileSaving =
        () -> {
          throw new IllegalStateException("planted");
        };
    assertThatIllegalStateException().isThrownBy(() -> blocks.take(4)).withMessage("planted");
    assertThat(numbers().numFree()).isEqualTo(4);
    assertThat(numbers().numIdle()).isEqualTo(2);
    assertThatIllegalStateException().isThrownBy(() -> small.cache.reserve(5));
    assertThat(numbers().numReserved()).isZero();
    assertThat(numbers().numFree()).isEqualTo(5);
    small.cache.checkConservation();
  }

  @Test
  void blocksAreCachedForOneAtATime() {
    assertThatIllegalStateException()
        .isThrownBy(() ->
            small.cache.openCachedBlocks(
                new FirstIdleFirst(), (storage, ids) -> BlockEviction.Return.NONE))
        .withMessageEndingWith("numBlocks=6");
  }

  /** What was looked at under the lock is looked at again after blocks were saved outside it. */
  @Test
  void aReservationThatIsClosedWhileBlocksAreSavedToResumeItPromisesNothing() {
    KvSequence parked = small.open();
    BlockReservation promise = small.cache.reserve(3);
    parked.drawFrom(promise);
    ParkedGroup group = small.cache.park(List.of(parked), (storage, ids) -> {});
    assertThat(promise.isSuspended()).isTrue();
    long[] others = blocks.take(3); // so that resuming has to give idle blocks up
    KvSequence newcomer = small.open();
    whileSaving = promise::close;

    assertThatIllegalStateException()
        .isThrownBy(() -> newcomer.drawFrom(promise))
        .withMessageContaining("closed");

    assertThat(promise.isClosed()).isTrue();
    assertThat(numbers().numReserved()).isZero();
    assertThat(group.sequences()).containsExactly(parked);
    blocks.release(others, 0, others.length);
  }

  @Test
  void aSequenceThatIsClosedWhileBlocksAreSavedForItResumesNothing() {
    KvSequence parked = small.open();
    BlockReservation promise = small.cache.reserve(3);
    parked.drawFrom(promise);
    ParkedGroup group = small.cache.park(List.of(parked), (storage, ids) -> {});
    long[] others = blocks.take(3); // so that resuming has to give idle blocks up
    KvSequence newcomer = small.open();
    whileSaving = newcomer::close;

    assertThatIllegalStateException()
        .isThrownBy(() -> newcomer.drawFrom(promise))
        .withMessageContaining("closed");

    assertThat(promise.isSuspended()).isTrue();
    assertThat(promise.numLeft()).isEqualTo(3);
    assertThat(numbers().numReserved()).isZero();
    whileSaving = () -> {};
    small.cache.unpark(group, (storage, ids) -> {});
    assertThat(promise.isSuspended()).isFalse();
    assertThat(numbers().numReserved()).isEqualTo(3);
    promise.close();
    blocks.release(others, 0, others.length);
  }
}
