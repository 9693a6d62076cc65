package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.SmallCache.Growth;
import dev.pagoda.memory.HostStorage;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TailParkingTest {
  private static final int BLOCKS = 16;
  private static final int BLOCK_SIZE = 4;

  private final SmallCache small = new SmallCache(BLOCKS, BLOCK_SIZE);
  private final HostStorage swap = HostStorage.allocate(small.cache.layout(), BLOCKS);

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    small.requireContent();
    small.cache.checkConservation();
    small.requireNothingLeaks();
    small.close();
    swap.close();
  }

  /** Moves out to the slots from a number on, which are the block numbers. */
  private BlockMover outTo(int firstSlot) {
    return (storage, ids) -> storage.copyOut(ids, swap, slots(firstSlot, ids.length), ids.length);
  }

  private BlockMover in() {
    return (storage, ids) -> storage.copyIn(swap, slots(0, ids.length), ids, ids.length);
  }

  private static int[] slots(int first, int count) {
    return IntStream.range(first, first + count).toArray();
  }

  private static boolean sameBlocks(KvSequence one, KvSequence other, int numBlocks) {
    return Arrays.equals(one.blockIds(), 0, numBlocks, other.blockIds(), 0, numBlocks);
  }

  @Test
  void onlyTheTailLeavesAndComesBackToTheBit() {
    KvSequence sequence = small.open(14);
    int[] before = sequence.blockIds();

    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 2, outTo(0));

    assertThat(tail.numBlocks()).isEqualTo(2);
    assertThat(tail.firstBlockIndex()).isEqualTo(2);
    assertThat(tail.length(0)).isEqualTo(14);
    assertThat(small.numFree()).isEqualTo(BLOCKS - 2);
    assertThat(sequence.length()).isEqualTo(14);
    small.cache.checkConservation();
    KvSequence hog = small.open(5 * BLOCK_SIZE); // spoils what was given up
    small.cache.unpark(tail, in());
    assertThat(sequence.blockIds()).startsWith(before[0], before[1]).hasSize(4);
    small.requireContent();
    small.close(hog);
    small.grow(sequence, 5);
  }

  @Test
  void aGroupIsCutAtOneIndexAndSharesAsBefore() {
    KvSequence prompt = small.open(10);
    KvSequence sharesAll = small.fork(prompt);
    KvSequence grown = small.fork(prompt);
    small.grow(grown, 5); // copies its third block, has a fourth
    KvSequence shorter = small.fork(prompt, 3);
    List<KvSequence> group = List.of(prompt, sharesAll, grown, shorter);

    ParkedGroup tail = small.cache.parkTail(group, 1, outTo(0));

    // Second block of three sequences, third of two, and two of the grown one.
    assertThat(tail.numBlocks()).isEqualTo(4);
    assertThat(small.numFree()).isEqualTo(BLOCKS - 1);
    small.cache.unpark(tail, in());
    small.requireContent();
    assertThat(sameBlocks(prompt, sharesAll, 3)).isTrue();
    assertThat(sameBlocks(prompt, grown, 2)).isTrue();
    assertThat(sameBlocks(prompt, grown, 3)).isFalse();
    assertThat(sameBlocks(prompt, shorter, 1)).isTrue();
    assertThat(small.numFree()).isEqualTo(BLOCKS - 5);
  }

  @Test
  void moreCanLeaveLaterAndAllComesBackAtOnce() {
    KvSequence prompt = small.open(18);
    KvSequence fork = small.fork(prompt, 17);
    small.grow(fork, 3);
    List<KvSequence> group = List.of(prompt, fork);
    ParkedGroup tail = small.cache.parkTail(group, 4, outTo(0));
    assertThat(tail.numBlocks()).isEqualTo(2);

    ParkedGroup more = small.cache.parkMore(tail, 1, outTo(2));

    assertThat(more.numBlocks()).isEqualTo(5);
    assertThat(more.blockNumbers(0)).containsExactly(2, 3, 4, 0);
    assertThat(more.blockNumbers(1)).containsExactly(2, 3, 4, 1);
    assertThat(small.numFree()).isEqualTo(BLOCKS - 1);
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unpark(tail, in()));
    ParkedGroup all = small.cache.parkMore(more, 0, outTo(5));
    assertThat(small.numFree()).isEqualTo(BLOCKS);
    small.cache.unpark(all, in());
    small.requireContent();
    assertThat(sameBlocks(prompt, fork, 4)).isTrue();
  }

  @Test
  void aMoverThatFailsChangesNothing() {
    KvSequence sequence = small.open(14);
    BlockMover failing =
        (storage, ids) -> {
          throw new UnsupportedOperationException("ids=" + ids.length);
        };
    SmallCache.Snapshot before = small.snapshot();
    assertThatThrownBy(() -> small.cache.parkTail(List.of(sequence), 2, failing))
        .hasMessage("ids=2");
    assertThat(small.snapshot()).isEqualTo(before);

    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    assertThatThrownBy(() -> small.cache.parkMore(tail, 1, failing)).hasMessage("ids=1");
    assertThatThrownBy(() -> small.cache.unpark(tail, failing)).hasMessage("ids=2");
    assertThat(small.numFree()).isEqualTo(BLOCKS - 2);
    small.cache.checkConservation();
    small.cache.unpark(tail, in());
    assertThat(small.numFree()).isEqualTo(BLOCKS - 4);
  }

  @Test
  void anEmptyReturnKeepsTheHeadAndCanBeTakenBack() {
    KvSequence sequence = small.open(14);
    KvSequence outsider = small.fork(sequence);
    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    small.cache.unparkEmpty(tail);
    assertThat(sequence.length()).isEqualTo(8);
    assertThatIllegalStateException().isThrownBy(() -> small.cache.unparkEmpty(tail));
    sequence.shareFrom(outsider, 12);
    assertThat(sequence.length()).isEqualTo(12);
    assertThat(sameBlocks(sequence, outsider, 3)).isTrue();

    small.cache.parkAgain(tail, List.of(sequence.reservation()));

    assertThat(sequence.length()).isEqualTo(14);
    small.cache.checkConservation();
    small.cache.unpark(tail, in());
    small.requireContent();
    assertThat(sameBlocks(sequence, outsider, 2)).isTrue();
  }

  @Test
  void whoeverIsParkedAgainDrawsFromWhatItIsToldTo() {
    KvSequence sequence = small.open(14);
    BlockReservation own = small.cache.reserve(2);
    sequence.drawFrom(own);
    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    assertThat(own.isSuspended()).isTrue();
    small.cache.unparkEmpty(tail);
    BlockReservation room = small.cache.reserve(1);
    sequence.drawFrom(room);

    small.cache.parkAgain(tail, List.of(own));

    assertThat(own.isSuspended()).isTrue();
    assertThat(room.isSuspended()).isFalse();
    room.close();
    assertThat(small.cache.statistics().blocks().numReserved()).isZero();
    small.cache.unpark(tail, in());
    assertThat(sequence.reservation()).isSameAs(own);
    assertThat(small.cache.statistics().blocks().numReserved()).isEqualTo(2);

    ParkedGroup again = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    small.cache.unparkEmpty(again);
    own.close();
    small.cache.parkAgain(again, List.of(own));
    small.cache.unpark(again, in());
    assertThat(sequence.reservation().numGranted()).as("of one that was closed, none").isZero();
    small.cache.checkConservation();
  }

  @Test
  void aHeadThatIsGoneCannotBeTakenBack() {
    KvSequence sequence = small.open(14);
    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    small.cache.unparkEmpty(tail);
    small.truncate(sequence, 4);
    assertThatIllegalStateException()
        .isThrownBy(() -> small.cache.parkAgain(tail, List.of(sequence.reservation())));
    assertThat(sequence.length()).isEqualTo(4);
  }

  @Test
  void onlyTheSameBeginningTakesOverTokens() {
    KvSequence one = small.open(9);
    KvSequence other = small.open(4);
    assertThatIllegalStateException().isThrownBy(() -> other.shareFrom(one, 8));
    KvSequence partial = small.fork(one, 5);
    assertThatIllegalStateException().isThrownBy(() -> partial.shareFrom(one, 8));
  }

  @Test
  void aCutBehindTheEndTakesNothing() {
    KvSequence sequence = small.open(5);
    ParkedGroup nothing =
        small.cache.parkTail(List.of(sequence), 7, (storage, ids) -> assertThat(ids).isEmpty());
    assertThat(nothing.numBlocks()).isZero();
    small.cache.unpark(nothing, in());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> small.cache.parkTail(List.of(sequence), -1, in()));
    ParkedGroup tail = small.cache.parkTail(List.of(sequence), 1, outTo(0));
    assertThatIllegalArgumentException().isThrownBy(() -> small.cache.parkMore(tail, 1, in()));
    small.cache.unpark(tail, in());
    small.grow(Growth.of(sequence, 4));
  }

  @Test
  void aParkedSequenceThatIsClosedGivesItsHeadBack() {
    KvSequence sequence = small.open(14);
    var _ = small.cache.parkTail(List.of(sequence), 2, outTo(0));
    small.close(sequence);
    assertThat(small.numFree()).isEqualTo(BLOCKS);
  }
}
