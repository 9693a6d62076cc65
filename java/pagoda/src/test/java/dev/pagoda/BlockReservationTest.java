package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.SmallCache.Growth;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.FirstIdleFirst;
import dev.pagoda.block.OutOfBlocksException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BlockReservationTest {
  private static final int BLOCKS = 8;
  private static final int BLOCK_SIZE = 4;

  private final SmallCache small = new SmallCache(BLOCKS, BLOCK_SIZE);

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    small.requireContent();
    small.cache.checkConservation();
    small.requireNothingLeaks();
    small.close();
  }

  private BlockStatistics blocks() {
    return small.cache.statistics().blocks();
  }

  private void requireRefused(KvSequence sequence, int numTokens, int needed, int free) {
    assertThatThrownBy(() -> small.begin(Growth.of(sequence, numTokens)))
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=" + needed + ", free=" + free);
  }

  @Test
  void othersCannotHaveWhatIsPromised() {
    KvSequence promised = small.open();
    KvSequence other = small.open();
    try (BlockReservation reservation = small.cache.reserve(6)) {
      promised.drawFrom(reservation);
      requireRefused(other, 3 * BLOCK_SIZE, 3, 2);
      assertThat(small.cache.tryReserve(3)).isEmpty();
      small.grow(other, 2 * BLOCK_SIZE);

      small.grow(promised, 6 * BLOCK_SIZE);

      assertThat(reservation.numLeft()).isZero();
      assertThat(blocks().numFree()).isZero();
    }
  }

  @Test
  void whoeverComesToASuspendedPromiseThatIsUsedUpHasItPromisedAgain() {
    KvSequence parked = small.open();
    KvSequence newcomer = small.open(BLOCK_SIZE);
    try (BlockReservation reservation = small.cache.reserve(2)) {
      parked.drawFrom(reservation);
      small.grow(parked, 2 * BLOCK_SIZE);
      ParkedGroup group = small.cache.park(List.of(parked), (storage, ids) -> {});
      assertThat(reservation.isSuspended()).isTrue();

      newcomer.drawFrom(reservation);
      assertThat(reservation.isSuspended()).isFalse();
      small.truncate(newcomer, 0);

      assertThat(reservation.numLeft()).isEqualTo(1);
      assertThat(blocks().numReserved()).isEqualTo(1);
      assertThat(group.numBlocks()).isEqualTo(2);
    }
    small.close(parked);
  }

  @Test
  void aPromiseThatIsUsedUpLeavesTheRestToLuck() {
    KvSequence promised = small.open();
    try (BlockReservation reservation = small.cache.reserve(2)) {
      promised.drawFrom(reservation);
      small.grow(promised, 5 * BLOCK_SIZE);
      assertThat(reservation.numLeft()).isZero();
      assertThat(blocks().numReserved()).isZero();
      requireRefused(promised, 4 * BLOCK_SIZE, 4, 3);
      assertThat(blocks().numReserved()).isZero();
    }
  }

  @Test
  void aRefusedStepUsesNothingUp() {
    KvSequence promised = small.open();
    try (BlockReservation reservation = small.cache.reserve(3)) {
      promised.drawFrom(reservation);
      small.grow(promised, BLOCK_SIZE);
      assertThat(reservation.numLeft()).isEqualTo(2);

      // Of eight blocks two are promised and five are free to all.
      requireRefused(promised, 8 * BLOCK_SIZE, 6, 5);

      assertThat(reservation.numLeft()).isEqualTo(2);
      assertThat(blocks().numReserved()).isEqualTo(2);
    }
  }

  @Test
  void whatARollbackFreesIsPromisedAgain() {
    KvSequence promised = small.open(BLOCK_SIZE + 1);
    KvSequence fork = small.fork(promised);
    try (BlockReservation reservation = small.cache.reserve(3)) {
      promised.drawFrom(reservation);
      SmallCache.Begun begun = small.begin(Growth.of(promised, 2 * BLOCK_SIZE)); // 1 copy, 2 new
      assertThat(reservation.numLeft()).isZero();

      begun.step.rollback();

      assertThat(reservation.numLeft()).isEqualTo(3);
      assertThat(blocks().numReserved()).isEqualTo(3);
      assertThat(fork.length()).isEqualTo(BLOCK_SIZE + 1);
    }
  }

  @Test
  void aRollbackAfterTheReservationWasClosedPromisesNothing() {
    KvSequence promised = small.open();
    BlockReservation reservation = small.cache.reserve(3);
    promised.drawFrom(reservation);
    SmallCache.Begun begun = small.begin(Growth.of(promised, BLOCK_SIZE));
    reservation.close();
    begun.step.rollback();
    assertThat(blocks().numReserved()).isZero();
    assertThat(blocks().numFree()).isEqualTo(BLOCKS);
  }

  @Test
  void whatTruncationFreesIsPromisedAgainUpToWhatWasGranted() {
    KvSequence promised = small.open(2 * BLOCK_SIZE);
    try (BlockReservation reservation = small.cache.reserve(2)) {
      promised.drawFrom(reservation);
      small.grow(promised, 2 * BLOCK_SIZE);
      small.truncate(promised, 0);
      assertThat(reservation.numLeft()).isEqualTo(2);
      assertThat(blocks().numReserved()).isEqualTo(2);
      assertThat(blocks().numAvailable()).isEqualTo(BLOCKS - 2);
    }
  }

  @Test
  void forksDrawFromTheSameAndThoseThatEndGiveBack() {
    KvSequence prompt = small.open(BLOCK_SIZE + 1);
    try (BlockReservation reservation = small.cache.reserve(4)) {
      prompt.drawFrom(reservation);
      KvSequence fork = small.fork(prompt);
      small.grow(fork, BLOCK_SIZE); // a copy and a new one
      assertThat(reservation.numLeft()).isEqualTo(2);

      small.close(fork);

      assertThat(reservation.numLeft()).isEqualTo(4);
    }
  }

  @Test
  void parkingSuspendsAndUnparkingResumesWholeOrNotAtAll() {
    KvSequence promised = small.open(BLOCK_SIZE);
    BlockReservation reservation = small.cache.reserve(3);
    promised.drawFrom(reservation);
    ParkedGroup group = small.cache.park(List.of(promised), (storage, ids) -> {});
    assertThat(reservation.isSuspended()).isTrue();
    assertThat(blocks().numAvailable()).isEqualTo(BLOCKS);
    small.cache.checkConservation();

    KvSequence hog = small.open(5 * BLOCK_SIZE);
    assertThatThrownBy(() -> small.cache.unpark(group, (storage, ids) -> {}))
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=4, free=3");
    assertThatThrownBy(() -> small.cache.unpark(group, (storage, ids) -> ids[7]++))
        .isInstanceOf(OutOfBlocksException.class);
    assertThat(reservation.isSuspended()).isTrue();

    small.truncate(hog, 4 * BLOCK_SIZE);
    assertThatThrownBy(() -> small.cache.unpark(group, (storage, ids) -> ids[7]++))
        .isInstanceOf(ArrayIndexOutOfBoundsException.class);
    assertThat(reservation.isSuspended()).isTrue();
    assertThat(blocks().numReserved()).isZero();

    small.cache.unparkEmpty(group);
    small.emptied(promised);
    assertThat(reservation.isSuspended()).isFalse();
    assertThat(blocks().numReserved()).isEqualTo(3);
    reservation.close();
  }

  @Test
  void aReservationWhoseParkedSequencesAllCloseIsGivenUp() {
    KvSequence promised = small.open(BLOCK_SIZE);
    BlockReservation reservation = small.cache.reserve(3);
    promised.drawFrom(reservation);
    small.cache.park(List.of(promised), (storage, ids) -> {});
    small.close(promised);
    assertThat(reservation.isSuspended()).isFalse();
    assertThat(reservation.numLeft()).isZero();
    small.cache.checkConservation();
    reservation.close();
  }

  @Test
  void aReservationThatOthersStillDrawFromGoesOn() {
    KvSequence one = small.open(BLOCK_SIZE);
    KvSequence two = small.open(BLOCK_SIZE);
    try (BlockReservation reservation = small.cache.reserve(3)) {
      one.drawFrom(reservation);
      two.drawFrom(reservation);
      ParkedGroup group = small.cache.park(List.of(one), (storage, ids) -> {});
      assertThat(reservation.isSuspended()).isFalse();
      small.close(two);
      assertThat(reservation.isSuspended()).isTrue();
      small.cache.unparkEmpty(group);
      small.emptied(one);
      assertThat(reservation.isSuspended()).isFalse();
      one.drawFromNone();
      assertThat(one.reservation().numGranted()).isZero();
      assertThat(reservation.numLeft()).isEqualTo(3);
    }
  }

  @Test
  void resizingPromisesMoreOrLess() {
    try (BlockReservation reservation = small.cache.reserve(3)) {
      assertThat(reservation.tryResize(9)).isFalse();
      assertThat(reservation.numLeft()).isEqualTo(3);
      assertThat(reservation.tryResize(8)).isTrue();
      assertThat(blocks().numAvailable()).isZero();
      assertThat(reservation.tryResize(0)).isTrue();
      assertThat(blocks().numAvailable()).isEqualTo(BLOCKS);
      assertThat(reservation.numGranted()).isZero();
      assertThatIllegalArgumentException().isThrownBy(() -> reservation.tryResize(-1));
    }
  }

  @Test
  void resizingThatFailsInASaveLeavesThePromiseAsItWas() {
    CachedBlocks blocks =
        small.cache.openCachedBlocks(
            new FirstIdleFirst(),
            (storage, blockIds) -> {
              throw new IllegalStateException("planted");
            });
    BlockReservation reservation = small.cache.reserve(2);
    long[] idle = blocks.take(3);
    for (long handle : idle) {
      assertThat(blocks.cache(handle)).isTrue();
    }
    blocks.release(idle, 0, idle.length);

    assertThatIllegalStateException()
        .isThrownBy(() -> reservation.tryResize(6))
        .withMessage("planted");

    assertThat(reservation.numGranted()).isEqualTo(2);
    assertThat(reservation.numLeft()).isEqualTo(2);
    assertThat(blocks().numReserved()).isEqualTo(2);
    small.cache.checkConservation();
    for (long handle : idle) {
      var _ = blocks.uncache(handle);
    }
    blocks.close();
    reservation.close();
  }

  @Test
  void closedOrForeignReservationsAreRefused() {
    KvSequence sequence = small.open();
    BlockReservation reservation = small.cache.reserve(1);
    reservation.close();
    reservation.close();
    assertThat(reservation.isClosed()).isTrue();
    assertThatIllegalStateException().isThrownBy(() -> sequence.drawFrom(reservation));
    assertThatIllegalStateException().isThrownBy(() -> reservation.tryResize(1));
    assertThatIllegalArgumentException().isThrownBy(() -> small.cache.reserve(-1));
    try (SmallCache other = new SmallCache(2, 2);
        BlockReservation foreign = other.cache.reserve(1)) {
      assertThatIllegalArgumentException().isThrownBy(() -> sequence.drawFrom(foreign));
    }
    assertThat(sequence.reservation().numGranted()).isZero();
    sequence.reservation().close();
    assertThat(sequence.reservation().isClosed()).isFalse();
    assertThatIllegalStateException().isThrownBy(() -> sequence.reservation().tryResize(1));
  }

  @Test
  void refusalsAreCountedAlsoThoseForMoreThanThePoolHas() {
    KvSequence sequence = small.open();
    assertThat(small.cache.tryReserve(BLOCKS + 1)).isEmpty();
    requireRefused(sequence, 100 * BLOCK_SIZE, 100, BLOCKS);
    assertThat(blocks().numRefusals()).isEqualTo(2);
  }
}
