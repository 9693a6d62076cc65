package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pagoda.testing.PoolNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlockPoolTest {
  private static final int BLOCKS = 8;

  private final BlockPool pool = new BlockPool(BLOCKS);

  private static long[] allocate(BlockPool pool, int count) {
    long[] handles = new long[count];
    pool.allocate(handles, 0, count);
    return handles;
  }

  private static int[] ids(long... handles) {
    return Arrays.stream(handles).mapToInt(BlockHandle::blockId).toArray();
  }

  /** Throws, and pool and arrays are as before but for the counted refusals. */
  private static Throwable refusal(BlockPool pool, ThrowingCallable misuse) {
    BlockStatistics before = pool.statistics();
    Throwable thrown = catchThrowable(misuse);
    assertThat(thrown).as("misuse is an exception").isNotNull();
    BlockStatistics after = pool.statistics();
    assertThat(after)
        .isEqualTo(
            PoolNumbers.uncached(
                before.numBlocks(),
                before.numFree(),
                before.numReserved(),
                before.numShared(),
                before.numReferences(),
                before.peakUsed(),
                before.numAllocations(),
                after.numRefusals()));
    pool.checkConservation();
    return thrown;
  }

  // Allocation order and counts.

  @Test
  void aFreshPoolHandsOutNeighboursFromZeroOn() {
    assertThat(ids(allocate(pool, BLOCKS))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
  }

  @Test
  void blocksFreedTogetherComeBackFirstAndInTheirOldOrder() {
    long[] all = allocate(pool, 6);
    pool.release(all, 1, 5);

    assertThat(ids(allocate(pool, 6))).containsExactly(1, 2, 3, 4, 6, 7);
  }

  @Test
  void theSameCallsGiveTheSameIds() {
    BlockPool other = new BlockPool(BLOCKS);
    for (BlockPool each : List.of(pool, other)) {
      long[] all = allocate(each, 7);
      each.release(all, 2, 4);
      each.release(all[6]);
      each.retain(all, 0, 1);
      each.release(all[0]);
      each.release(all[0]);
    }
    assertThat(ids(allocate(pool, 4))).containsExactly(ids(allocate(other, 4)));
  }

  @Test
  void allocatingFillsTheRangeAskedForAndNoMore() {
    long[] handles = new long[5];
    Arrays.fill(handles, -7);
    pool.allocate(handles, 1, 4);

    assertThat(handles[0]).isEqualTo(-7);
    assertThat(handles[4]).isEqualTo(-7);
    assertThat(ids(handles[1], handles[2], handles[3])).containsExactly(0, 1, 2);
    pool.allocate(handles, 2, 2);
    assertThat(pool.numFree()).isEqualTo(5);
  }

  @Test
  void statisticsCountWhatHappened() {
    long[] all = allocate(pool, 5);
    pool.retain(all, 0, 2);
    pool.retain(all, 0, 1);
    pool.release(all, 3, 5);
    allocate(pool, 1);

    assertThat(pool.statistics()).isEqualTo(PoolNumbers.uncached(8, 4, 2, 7, 5, 6, 0));
    assertThat(pool.statistics().numUsed()).isEqualTo(4);
    assertThat(pool.referenceCount(all[0])).isEqualTo(3);
    assertThat(pool.referenceCount(all[1])).isEqualTo(2);
    assertThat(pool.referenceCount(all[2])).isEqualTo(1);
  }

  @Test
  void aBlockIsFreeWhenItsLastOwnerDropsItAndNotBefore() {
    long block = pool.allocate();
    pool.retain(new long[] {block, block}, 0, 2); // two more owners in one call
    assertThat(pool.referenceCount(block)).isEqualTo(3);

    assertThat(pool.release(block)).isFalse();
    assertThat(pool.release(block)).isFalse();
    assertThat(pool.numFree()).isEqualTo(BLOCKS - 1);
    assertThat(pool.release(block)).isTrue();
    assertThat(pool.numFree()).isEqualTo(BLOCKS);
  }

  @Test
  void releasingTellsHowManyBecameFree() {
    long[] all = allocate(pool, 4);
    pool.retain(all, 1, 3);

    assertThat(pool.release(all, 0, 4)).isEqualTo(2);
    assertThat(pool.release(all, 1, 3)).isEqualTo(2);
    assertThat(pool.release(all, 2, 2)).isZero();
  }

  @Test
  void aPoolNeedsABlock() {
    for (int numBlocks : new int[] {0, -1, Integer.MIN_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new BlockPool(numBlocks))
          .withMessageEndingWith("numBlocks=" + numBlocks);
    }
  }

  // Running out.

  @Test
  void askingForMoreThanIsFreeTakesNothingAndSaysTheNumbers() {
    allocate(pool, 6);
    long[] handles = {1, 2, 3};

    OutOfBlocksException out =
        (OutOfBlocksException) refusal(pool, () -> pool.allocate(handles, 0, 3));
    assertThat(out.needed()).isEqualTo(3);
    assertThat(out.free()).isEqualTo(2);
    assertThat(out.total()).isEqualTo(8);
    assertThat(out).hasMessageEndingWith("needed=3, free=2, reclaimable=0, total=8");
    assertThat(handles).containsExactly(1, 2, 3);
    assertThat(pool.statistics().numRefusals()).isEqualTo(1);
    assertThat(ids(allocate(pool, 2))).containsExactly(6, 7);
    assertThatExceptionOfType(OutOfBlocksException.class).isThrownBy(pool::allocate);
  }

  // Misuse. Each case has a pool with blocks 0 (one owner), 1 (two owners) and 2 (freed).

  private record Misuse(String name, Class<?> exception, Consumer<Situation> call) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final class Situation {
    final BlockPool pool;
    final long owned;
    final long shared;
    final long freed;
    final long reused;
    final long foreign;

    Situation(boolean trackSites) {
      pool = new BlockPool(BLOCKS, trackSites, blockId -> {});
      long[] all = allocate(pool, 4);
      owned = all[0];
      shared = all[1];
      pool.retain(all, 1, 2);
      freed = all[2];
      reused = all[3];
      pool.release(freed);
      pool.release(reused);
      assertThat(BlockHandle.blockId(pool.allocate())).isEqualTo(BlockHandle.blockId(reused));
      BlockPool other = new BlockPool(BLOCKS);
      foreign = other.allocate(); // the same id as owned
    }

    long outOfRange(int blockId) {
      return BlockHandle.of(BlockHandle.poolTag(owned), 0, blockId);
    }
  }

  private static Stream<Misuse> misuses() {
    Class<?> state = IllegalStateException.class;
    Class<?> argument = IllegalArgumentException.class;
    Class<?> index = IndexOutOfBoundsException.class;
    List<Misuse> misuses = new ArrayList<>();
    record Handle(
        String name, Class<?> exception, java.util.function.ToLongFunction<Situation> of) {}
    List<Handle> handles =
        List.of(
            new Handle("a freed block", state, s -> s.freed),
            new Handle("a freed block in its next life", state, s -> s.reused),
            new Handle("another pool's block", argument, s -> s.foreign),
            new Handle("an id out of range", argument, s -> s.outOfRange(BLOCKS)),
            new Handle("the largest id", argument, s -> s.outOfRange(Integer.MAX_VALUE)),
            new Handle("no handle", argument, s -> BlockHandle.NONE),
            new Handle("a block never allocated", state, s -> s.outOfRange(7)));
    for (Handle bad : handles) {
      misuses.add(
          new Misuse(
              "release " + bad.name, bad.exception, s -> s.pool.release(bad.of.applyAsLong(s))));
      misuses.add(
          new Misuse(
              "count owners of " + bad.name,
              bad.exception,
              s -> s.pool.referenceCount(bad.of.applyAsLong(s))));
      // The bad one last, so that a check that comes too late has changed something.
      misuses.add(
          new Misuse(
              "release two blocks and " + bad.name,
              bad.exception,
              s -> s.pool.release(new long[] {s.owned, s.shared, bad.of.applyAsLong(s)}, 0, 3)));
      misuses.add(
          new Misuse(
              "release, backwards, " + bad.name + " and two blocks",
              bad.exception,
              s -> s.pool.release(new long[] {bad.of.applyAsLong(s), s.owned, s.shared}, 0, 3)));
      misuses.add(
          new Misuse(
              "retain two blocks and " + bad.name,
              bad.exception,
              s -> s.pool.retain(new long[] {s.owned, s.shared, bad.of.applyAsLong(s)}, 0, 3)));
    }
    misuses.add(
        new Misuse(
            "release the same block twice in one call",
            argument,
            s -> s.pool.release(new long[] {s.owned, s.owned}, 0, 2)));
    misuses.add(
        new Misuse(
            "release the same shared block twice in one call",
            argument,
            s -> s.pool.release(new long[] {s.shared, s.owned, s.shared}, 0, 3)));
    misuses.add(
        new Misuse(
            "too many", OutOfBlocksException.class, s -> s.pool.allocate(new long[99], 0, 99)));
    misuses.add(
        new Misuse("a range beyond the array", index, s -> s.pool.allocate(new long[2], 1, 3)));
    misuses.add(
        new Misuse("a range that runs backwards", index, s -> s.pool.release(new long[2], 2, 1)));
    misuses.add(
        new Misuse("a range before the array", index, s -> s.pool.retain(new long[2], -1, 1)));
    misuses.add(new Misuse("close while blocks are owned", state, s -> s.pool.close()));
    return misuses.stream();
  }

  @ParameterizedTest
  @MethodSource("misuses")
  void misuseIsAnExceptionThatChangesNothing(Misuse misuse) {
    for (boolean trackSites : new boolean[] {false, true}) {
      Situation situation = new Situation(trackSites);
      Throwable thrown = refusal(situation.pool, () -> misuse.call.accept(situation));

      assertThat(thrown).isInstanceOf(misuse.exception);
      assertThat(situation.pool.referenceCount(situation.owned)).isEqualTo(1);
      assertThat(situation.pool.referenceCount(situation.shared)).isEqualTo(2);
      // What comes next is what would have come next.
      assertThat(BlockHandle.blockId(situation.pool.allocate())).isEqualTo(2);
      assertThat(situation.pool.release(situation.owned)).isTrue();
    }
  }

  @Test
  void messagesNameTheBlock() {
    Situation s = new Situation(false);
    assertThatThrownBy(() -> s.pool.release(s.freed)).hasMessageContaining("blockId=2");
    assertThatThrownBy(() -> s.pool.release(s.foreign)).hasMessageContaining("blockId=0");
    assertThatThrownBy(() -> s.pool.release(new long[] {s.owned, s.owned}, 0, 2))
        .hasMessageEndingWith("blockId=0");
    assertThatThrownBy(s.pool::close)
        .hasMessageEndingWith("numUsed=3, numReferences=4, numInFlight=0");
  }

  @Test
  void afterARefusedReleaseTheSameBlocksCanBeReleased() {
    long[] pair = allocate(pool, 2);
    long[] twice = {pair[0], pair[1], pair[0]};
    refusal(pool, () -> pool.release(twice, 0, 3));

    assertThat(pool.release(pair, 0, 2)).isEqualTo(2);
  }

  @Test
  void generationsTellLivesApartOverManyReuses() {
    long[] lives = new long[1000];
    for (int i = 0; i < lives.length; i++) {
      lives[i] = pool.allocate();
      assertThat(BlockHandle.blockId(lives[i])).isZero();
      if (i < lives.length - 1) {
        pool.release(lives[i]);
      }
    }
    assertThat(lives).doesNotHaveDuplicates();
    for (int i = 0; i < lives.length - 1; i++) {
      long old = lives[i];
      assertThatIllegalStateException().isThrownBy(() -> pool.referenceCount(old));
    }
    assertThat(pool.referenceCount(lives[lives.length - 1])).isEqualTo(1);
  }

  @Test
  void ownersBeyondWhatAnIntCountsAreRefused() throws ReflectiveOperationException {
    long[] pair = allocate(pool, 2);
    PoolSurgery surgery = new PoolSurgery(pool);
    surgery.array("referenceCounts")[1] = Integer.MAX_VALUE;

    assertThatIllegalStateException()
        .isThrownBy(() -> pool.retain(pair, 0, 2))
        .withMessageContaining("blockId=1");
    assertThat(pool.referenceCount(pair[0])).isEqualTo(1);
    assertThat(pool.referenceCount(pair[1])).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void theMarkThatFindsBlocksGivenTwiceWrapsAround() throws ReflectiveOperationException {
    long[] all = allocate(pool, BLOCKS); // never released, so never marked
    new PoolSurgery(pool).set("mark", -4); // three calls a round: 0 comes with a release
    for (int i = 0; i < BLOCKS; i += 2) {
      long[] twice = {all[i], all[i]};
      assertThat(pool.release(all, i, i + 1)).isEqualTo(1);
      assertThatIllegalStateException().isThrownBy(() -> pool.release(twice, 0, 2));
      twice[0] = all[i + 1];
      twice[1] = all[i + 1];
      assertThatIllegalArgumentException().isThrownBy(() -> pool.release(twice, 0, 2));
    }
  }

  // Closing.

  @Test
  void aClosedPoolRefusesEverythingThatTakesOrDropsAReference() {
    long block = pool.allocate();
    pool.release(block);
    pool.close();

    assertThatIllegalStateException().isThrownBy(pool::allocate).withMessageContaining("closed");
    assertThatIllegalStateException().isThrownBy(() -> pool.release(block));
    assertThatIllegalStateException().isThrownBy(() -> pool.retain(new long[0], 0, 0));
    assertThatIllegalStateException().isThrownBy(() -> pool.referenceCount(block));
    assertThatIllegalStateException().isThrownBy(pool::close);
    assertThat(pool.statistics().numFree()).isEqualTo(BLOCKS);
    pool.checkConservation();
  }

  // Debugging aids.

  @Test
  void withSitesAnExceptionTellsWhereTheBlockWasAllocatedAndFreed() {
    BlockPool tracked = new BlockPool(4, true, blockId -> {});
    long handle = allocateHere(tracked);
    freeHere(tracked, handle);

    Throwable thrown = catchThrowable(() -> tracked.release(handle));
    assertThat(thrown.getSuppressed()).hasSize(2);
    assertThat(thrown.getSuppressed()[0]).hasMessageContaining("allocated here: blockId=0");
    assertThat(thrown.getSuppressed()[0].getStackTrace())
        .anyMatch(frame -> frame.getMethodName().equals("allocateHere"));
    assertThat(thrown.getSuppressed()[1]).hasMessageContaining("freed here: blockId=0");
    assertThat(thrown.getSuppressed()[1].getStackTrace())
        .anyMatch(frame -> frame.getMethodName().equals("freeHere"));
  }

  private static long allocateHere(BlockPool pool) {
    return pool.allocate();
  }

  private static void freeHere(BlockPool pool, long handle) {
    pool.release(handle);
  }

  @Test
  void withSitesClosingTellsWhereEachOwnedBlockWasAllocated() {
    BlockPool tracked = new BlockPool(4, true, blockId -> {});
    allocateHere(tracked);
    long freed = allocateHere(tracked);
    allocateHere(tracked);
    tracked.release(freed);

    Throwable thrown = catchThrowable(tracked::close);
    assertThat(thrown.getSuppressed())
        .extracting(Throwable::getMessage)
        .containsExactly(
            "block was allocated here: blockId=0", "block was allocated here: blockId=2");
  }

  @Test
  void withoutSitesAnExceptionCarriesNone() {
    long handle = pool.allocate();
    pool.release(handle);

    assertThat(catchThrowable(() -> pool.release(handle)).getSuppressed()).isEmpty();
  }

  @Test
  void eachBlockThatBecomesFreeIsToldOnceAndNoOther() {
    List<Integer> told = new ArrayList<>();
    BlockPool telling = new BlockPool(BLOCKS, false, told::add);
    long[] all = allocate(telling, 5);
    telling.retain(all, 1, 3);
    telling.release(all, 0, 4);
    assertThat(told).containsExactlyInAnyOrder(0, 3);
    telling.release(all[2]);
    assertThat(told).containsExactlyInAnyOrder(0, 3, 2);
  }

  @Test
  void aListenerThatFailsLeavesTheBooksInOrder() {
    BlockPool telling =
        new BlockPool(
            BLOCKS,
            false,
            blockId -> {
              throw new IllegalStateException("planted: blockId=" + blockId);
            });
    long[] all = allocate(telling, 4);
    assertThatIllegalStateException().isThrownBy(() -> telling.release(all, 0, 4));

    telling.checkConservation();
    assertThat(telling.numFree()).isEqualTo(BLOCKS);
  }

  // The detector itself: each of these faults was planted, and is found.

  private record Fault(String name, Surgery surgery) {
    @Override
    public String toString() {
      return name;
    }
  }

  private interface Surgery {
    void operate(PoolSurgery pool) throws ReflectiveOperationException;
  }

  private static Stream<Fault> faults() {
    return Stream.of(
        new Fault("a reference too many", p -> p.array("referenceCounts")[1]++),
        new Fault("a reference too few", p -> p.array("referenceCounts")[1]--),
        new Fault("an owned block lost its owner", p -> p.array("referenceCounts")[0] = 0),
        new Fault("a free block has an owner", p -> p.array("referenceCounts")[7] = 1),
        new Fault("a free block is free twice", p -> p.array("freeIds")[0] = p.array("freeIds")[1]),
        new Fault("an owned block is free", p -> p.array("freeIds")[0] = 0),
        new Fault("a free block went missing", p -> p.set("numFree", p.get("numFree") - 1)),
        new Fault(
            "a block is counted free before it is", p -> p.set("numFree", p.get("numFree") + 1)),
        new Fault("shared blocks miscounted", p -> p.set("numShared", p.get("numShared") + 1)),
        new Fault("references miscounted", p -> p.setLong("numReferences", 5)));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void theConservationCheckFindsPlantedFault(Fault fault) throws ReflectiveOperationException {
    long[] all = allocate(pool, 3);
    pool.retain(all, 1, 2);
    pool.checkConservation();

    fault.surgery.operate(new PoolSurgery(pool));
    assertThatIllegalStateException().isThrownBy(pool::checkConservation);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 1000})
  void thePoolIsUsableToItsLastBlock(int numBlocks) {
    BlockPool whole = new BlockPool(numBlocks);
    long[] all = allocate(whole, numBlocks);
    assertThat(ids(all)).doesNotHaveDuplicates().contains(0, numBlocks - 1);
    assertThatExceptionOfType(OutOfBlocksException.class).isThrownBy(whole::allocate);
    assertThat(whole.release(all, 0, numBlocks)).isEqualTo(numBlocks);
    whole.close();
  }
}
