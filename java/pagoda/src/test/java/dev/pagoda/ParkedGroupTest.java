package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import dev.pagoda.SmallCache.Snapshot;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.memory.HostStorage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ParkedGroupTest {
  private static final int BLOCK_SIZE = 4;
  private static final BlockMover NOWHERE = (storage, ids) -> {};

  private final SmallCache small = new SmallCache(12, BLOCK_SIZE);
  private final HostStorage swap = HostStorage.allocate(small.cache.layout(), 12);

  @AfterEach
  void free() {
    swap.close();
    small.close();
  }

  private void out(dev.pagoda.memory.KvStorage storage, int[] ids) {
    storage.copyOut(ids, swap, numbers(ids.length), ids.length);
  }

  private void in(dev.pagoda.memory.KvStorage storage, int[] ids) {
    storage.copyIn(swap, numbers(ids.length), ids, ids.length);
  }

  private static int[] numbers(int count) {
    int[] numbers = new int[count];
    Arrays.setAll(numbers, i -> i);
    return numbers;
  }

  @Test
  void sharedBlocksMoveOnceAndComeBackShared() {
    KvSequence one = small.open(10);
    KvSequence two = small.fork(one, 9);
    small.grow(two, 1);
    KvSequence three = small.fork(one, 4);
    KvSequence outside = small.fork(one);
    List<int[]> moved = new ArrayList<>();

    ParkedGroup group =
        small.cache.park(
            List.of(one, two, three),
            (storage, ids) -> {
              moved.add(ids.clone());
              out(storage, ids);
            });
    assertThat(moved).hasSize(1);
    assertThat(moved.getFirst()).as("three of one, and the copy that two made").hasSize(4);
    assertThat(group.numBlocks()).isEqualTo(4);
    assertThat(group.sequences()).containsExactly(one, two, three);
    assertThat(group.blockNumbers(0)).containsExactly(0, 1, 2);
    assertThat(group.blockNumbers(1)).containsExactly(0, 1, 3);
    assertThat(group.blockNumbers(2)).containsExactly(0);
    small.requireContent(outside);
    assertThat(small.cache.statistics().blocks().numUsed()).as("the one outside").isEqualTo(3);
    assertThat(small.cache.statistics().numTokens()).isEqualTo(10);
    assertThat(small.cache.statistics().numSequences()).isEqualTo(4);
    assertThat(one.length()).isEqualTo(10);
    small.cache.checkConservation();

    small.cache.unpark(group, this::in);
    small.requireContent();
    assertThat(small.cache.statistics().blocks().numUsed()).isEqualTo(7);
    assertThat(three.blockIds()[0]).isEqualTo(one.blockIds()[0]).isEqualTo(two.blockIds()[0]);
    assertThat(one.blockIds()[0])
        .as("sharing with others ends")
        .isNotEqualTo(outside.blockIds()[0]);
    small.grow(Growth.of(one, 1), Growth.of(two, 1), Growth.of(three, 1), Growth.of(outside, 1));
    small.requireContent();
    small.requireNothingLeaks();
  }

  @Test
  void blockNumbersAreACopy() {
    KvSequence one = small.open(5);
    ParkedGroup group = small.cache.park(List.of(one), this::out);
    group.blockNumbers(0)[0] = 99;

    small.cache.unpark(group, this::in);
    small.requireContent();
  }

  @Test
  void anEmptySequenceParksAndComesBack() {
    KvSequence empty = small.open();
    ParkedGroup group = small.cache.park(List.of(empty), NOWHERE);
    assertThat(group.numBlocks()).isZero();

    small.cache.unpark(group, NOWHERE);
    small.grow(empty, 3);
    small.requireContent();
  }

  @Test
  void whileParkedItCanOnlyBeClosed() {
    KvSequence one = small.open(5);
    small.cache.park(List.of(one), NOWHERE);
    Step step = small.cache.newStep();

    assertThatIllegalStateException().isThrownBy(one::fork).withMessageContaining("PARKED");
    assertThatIllegalStateException().isThrownBy(() -> one.truncate(0));
    assertThatIllegalStateException().isThrownBy(one::blockIds);
    assertThatIllegalStateException().isThrownBy(() -> step.append(one, 1).begin());
    assertThatIllegalStateException().isThrownBy(() -> small.cache.park(List.of(one), NOWHERE));
    assertThatIllegalStateException()
        .isThrownBy(small.cache::close)
        .withMessageContaining("PARKED");
    assertThat(one.isClosed()).isFalse();
    one.close();
    assertThat(one.isClosed()).isTrue();
    small.cache.checkConservation();
    small.cache.close();
  }

  @Test
  void aMoverThatFailsOnTheWayOutLeavesEverythingAsItWas() {
    KvSequence one = small.open(6);
    KvSequence two = small.fork(one);
    Snapshot before = small.snapshot();
    BlockMover failing =
        (storage, ids) -> {
          out(storage, ids);
          throw new ArithmeticException("planted");
        };

    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> small.cache.park(List.of(one, two), failing));
    assertThat(small.snapshot()).isEqualTo(before);
    small.grow(Growth.of(one, 1), Growth.of(two, 1));
    small.requireContent();
    small.requireNothingLeaks();
  }

  @Test
  void aMoverThatFailsOnTheWayInLeavesTheGroupParked() {
    KvSequence one = small.open(6);
    ParkedGroup group = small.cache.park(List.of(one), this::out);
    Snapshot before = parkedSnapshot();
    BlockMover failing =
        (storage, ids) -> {
          in(storage, ids);
          throw new ArithmeticException("planted");
        };

    for (int i = 0; i < 3; i++) {
      assertThatExceptionOfType(ArithmeticException.class)
          .isThrownBy(() -> small.cache.unpark(group, failing));
      assertThat(parkedSnapshot()).isEqualTo(before);
    }
    small.cache.unpark(group, this::in);
    small.requireContent();
    small.requireNothingLeaks();
  }

  /** Without the tables, which parked sequences do not have. */
  private Snapshot parkedSnapshot() {
    CacheStatistics s = small.cache.statistics();
    return new Snapshot(
        s.blocks().numFree(),
        s.blocks().numShared(),
        s.blocks().numReferences(),
        s.numTokens(),
        java.util.Map.of());
  }

  @Test
  void whenBlocksRunOutTheGroupStaysParked() {
    KvSequence one = small.open(10);
    ParkedGroup group = small.cache.park(List.of(one), this::out);
    KvSequence greedy = small.open(40);

    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> small.cache.unpark(group, this::in))
        .withMessageEndingWith("needed=3, free=2, reclaimable=0, total=12");
    small.truncate(greedy, 36);
    small.cache.unpark(group, this::in);
    small.requireContent();
  }

  @Test
  void unparkedEmptyItIsASequenceThatNothingWasWrittenTo() {
    KvSequence one = small.open(6);
    ParkedGroup group = small.cache.park(List.of(one), NOWHERE);
    small.cache.unparkEmpty(group);
    small.emptied(one);

    assertThat(one.length()).isZero();
    small.grow(one, 6);
    small.requireContent();
    small.requireNothingLeaks();
  }

  @Test
  void aGroupIsUsedUpOnce() {
    KvSequence one = small.open(6);
    ParkedGroup first = small.cache.park(List.of(one), this::out);
    small.cache.unpark(first, this::in);
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unpark(first, this::in));
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unparkEmpty(first));
    small.requireContent();
  }

  /** The sequences are parked again, so that their state alone does not tell. */
  @Test
  void anEarlierGroupOfTheSameSequencesIsRefused() {
    KvSequence one = small.open(6);
    ParkedGroup first = small.cache.park(List.of(one), this::out);
    small.cache.unparkEmpty(first);
    small.emptied(one);
    small.grow(one, 1);
    ParkedGroup second = small.cache.park(List.of(one), this::out);

    assertThatIllegalStateException().isThrownBy(() -> small.cache.unpark(first, this::in));
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unparkEmpty(first));
    small.cache.unpark(second, this::in);
    small.requireContent();
    small.cache.checkConservation();
  }

  @Test
  void aGroupOfWhichOneWasClosedIsRefusedAndTheOthersCanBeClosed() {
    KvSequence one = small.open(6);
    KvSequence two = small.open(3);
    ParkedGroup group = small.cache.park(List.of(one, two), this::out);
    small.close(two);

    assertThatIllegalStateException().isThrownBy(() -> small.cache.unpark(group, this::in));
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unparkEmpty(group));
    small.close(one);
    small.requireNothingLeaks();
  }

  @Test
  void groupsThatCannotBeParkedAreRefusedAndNothingMoves() {
    KvSequence one = small.open(6);
    KvSequence busy = small.open(3);
    KvSequence closed = small.open(1);
    small.close(closed);
    Begun begun = small.begin(Growth.of(busy, 1)).write();
    Snapshot before = small.snapshot();
    BlockMover never =
        (storage, ids) -> {
          throw new AssertionError("nothing moves");
        };

    assertThatIllegalArgumentException()
        .isThrownBy(() -> small.cache.park(List.of(), never))
        .withMessageEndingWith("numSequences=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> small.cache.park(List.of(one, one), never));
    assertThatIllegalStateException().isThrownBy(() -> small.cache.park(List.of(one, busy), never));
    assertThatIllegalStateException()
        .isThrownBy(() -> small.cache.park(List.of(one, closed), never));
    try (SmallCache other = new SmallCache(2, BLOCK_SIZE)) {
      KvSequence foreign = other.open(1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> small.cache.park(List.of(one, foreign), never));
      ParkedGroup foreignGroup = other.cache.park(List.of(foreign), NOWHERE);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> small.cache.unpark(foreignGroup, never));
    }
    assertThat(small.snapshot()).isEqualTo(before);
    begun.commit();
    small.grow(one, 1);
    small.requireContent();
  }

  @Test
  void whileBlocksAreOnTheMoveTheSequenceIsHeldAndOthersAreNot() {
    KvSequence one = small.open(6);
    KvSequence other = small.fork(one);
    ParkedGroup group =
        small.cache.park(
            List.of(one),
            (storage, ids) -> {
              assertThatIllegalStateException().isThrownBy(one::close);
              assertThatIllegalStateException().isThrownBy(one::fork);
              small.grow(other, 3);
              out(storage, ids);
            });
    small.cache.unpark(
        group,
        (storage, ids) -> {
          assertThatIllegalStateException().isThrownBy(one::close);
          small.grow(other, 3);
          in(storage, ids);
        });
    small.requireContent();
    small.requireNothingLeaks();
  }
}
