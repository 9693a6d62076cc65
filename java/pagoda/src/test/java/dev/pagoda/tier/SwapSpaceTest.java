package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.layout.KvLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("any-backend")
class SwapSpaceTest {
  private static final int BLOCK_SIZE = 4;
  private static final int NUM_BLOCKS = 16;

  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, NUM_BLOCKS);
  private final long blockBytes = memory.cache().layout().blockBytes();
  private final SwapSpace space =
      SwapSpace.open(memory.cache(), Capacity.blocks(NUM_BLOCKS), Checks.DEBUG);

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    checkConservation();
    space.close();
    memory.close();
  }

  private void checkConservation() {
    memory.cache().checkConservation();
    space.checkConservation();
  }

  /**
   * Three members of 7, 7 and 6 tokens over 2 + 1 + 1 blocks: a full one for all, ends of their
   * own.
   */
  private List<KvSequence> beams() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);
    memory.commit(group.appendTo(memory.cache().newStep()), 100, 101, 102);
    group.sequences().get(2).truncate(6);
    return group.sequences();
  }

  /** All bytes of a sequence's blocks. */
  private List<byte[]> image(KvSequence sequence) {
    return Arrays.stream(sequence.blockIds()).mapToObj(memory::blockBytes).toList();
  }

  /** Everything that a failed call must leave alone. */
  private List<Object> state(List<KvSequence> sequences) {
    List<Object> state = new ArrayList<>();
    state.add(memory.cache().statistics().blocks().numReferences());
    state.add(memory.numUsed());
    state.add(memory.cache().statistics().numTokens());
    state.add(space.statistics().slots().numUsed());
    state.add(space.statistics().numGroups());
    state.add(space.statistics().out());
    state.add(space.statistics().in());
    sequences.forEach(sequence -> state.add(sequence.toString()));
    return state;
  }

  @Test
  void aGroupComesBackBitForBitAndSharesAsBefore() {
    List<KvSequence> beams = beams();
    List<List<byte[]>> before = beams.stream().map(this::image).toList();

    SwappedGroup swapped = space.swapOut(beams);

    assertThat(memory.numUsed()).isZero();
    assertThat(memory.cache().statistics().numTokens()).isZero();
    assertThat(space.statistics().slots().numUsed()).isEqualTo(4);
    assertThat(beams).extracting(KvSequence::length).containsExactly(7, 7, 6);
    checkConservation();
    KvSequence squatter = memory.counting(5 * BLOCK_SIZE);
    space.swapIn(swapped);
    checkConservation();
    squatter.close();

    assertThat(space.statistics().slots().numUsed()).isZero();
    assertThat(memory.numUsed()).isEqualTo(4);
    assertThat(memory.cache().statistics().blocks().numShared()).isEqualTo(1);
    for (int i = 0; i < beams.size(); i++) {
      List<byte[]> after = image(beams.get(i));
      assertThat(after).hasSameSizeAs(before.get(i));
      for (int j = 0; j < after.size(); j++) {
        assertThat(after.get(j)).as("block %d of beam %d", j, i).isEqualTo(before.get(i).get(j));
      }
    }
    assertThat(memory.tokensOf(beams.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
    memory.append(beams.get(2), 200, 201, 202);
    assertThat(memory.tokensOf(beams.get(0))).containsExactly(1, 2, 3, 4, 5, 6, 100);
    beams.forEach(KvSequence::close);
    assertThat(memory.numUsed()).isZero();
  }

  @Test
  void eachDistinctBlockMovesOnceEachWayInOneCall() {
    List<KvSequence> beams = beams();
    space.swapIn(space.swapOut(beams));
    space.swapIn(space.swapOut(beams.subList(0, 1)));

    TransferTotals out = space.statistics().out();
    TransferTotals in = space.statistics().in();

    assertThat(out.numCalls()).isEqualTo(2);
    assertThat(out.numTransfers()).isEqualTo(4 + 2);
    assertThat(out.bytes()).isEqualTo(6 * blockBytes);
    assertThat(out.nanos()).isPositive();
    assertThat(out.bytesPerSecond()).isPositive();
    assertThat(in.numCalls()).isEqualTo(2);
    assertThat(in.numTransfers()).isEqualTo(6);
    assertThat(in.bytes()).isEqualTo(6 * blockBytes);
    assertThat(in.nanos()).isPositive();
  }

  @Test
  void sharedPartlyFilledBlocksComeBackSharedAndAreCopiedWhenWritten() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);

    space.swapIn(space.swapOut(group.sequences()));

    assertThat(memory.numUsed()).isEqualTo(2);
    memory.commit(group.appendTo(memory.cache().newStep()), 100, 101, 102);
    assertThat(group.numBlockCopies()).isEqualTo(2);
    assertThat(memory.tokensOf(group.sequences().get(2))).containsExactly(1, 2, 3, 4, 5, 6, 102);
  }

  @Test
  void outsidersKeepTheBlocksTheyShareWithTheGroup() {
    KvSequence prompt = memory.counting(6);
    KvSequence sample = prompt.fork();
    memory.append(sample, 100);

    SwappedGroup swapped = space.swapOut(List.of(sample));
    assertThat(memory.numUsed()).isEqualTo(2);
    assertThat(memory.tokensOf(prompt)).containsExactly(1, 2, 3, 4, 5, 6);
    space.swapIn(swapped);

    assertThat(memory.numUsed()).isEqualTo(4); // sharing with outsiders has ended
    assertThat(memory.tokensOf(sample)).containsExactly(1, 2, 3, 4, 5, 6, 100);
  }

  @Test
  void tooFewHostSlotsChangeNothing() {
    List<KvSequence> beams = beams();
    KvSequence other = memory.counting(5);
    try (SwapSpace small = SwapSpace.open(memory.cache(), Capacity.bytes(4 * blockBytes + 1))) {
      assertThat(small.statistics().slots().numBlocks()).isEqualTo(4);
      SwappedGroup first = small.swapOut(List.of(other));
      List<Object> before = state(beams);

      assertThatThrownBy(() -> small.swapOut(beams))
          .isInstanceOf(OutOfBlocksException.class)
          .hasMessageContaining("needed=4, free=2, reclaimable=0, total=4");

      assertThat(state(beams)).isEqualTo(before);
      assertThat(small.statistics().out().numCalls()).isEqualTo(1);
      small.checkConservation();
      checkConservation();
      small.swapIn(first);
      small.swapIn(small.swapOut(beams));
    }
    assertThat(memory.tokensOf(beams.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
  }

  @Test
  void tooFewDeviceBlocksLeaveTheGroupSwappedOut() {
    List<KvSequence> beams = beams();
    SwappedGroup swapped = space.swapOut(beams);
    KvSequence hog = memory.counting((NUM_BLOCKS - 3) * BLOCK_SIZE);
    List<Object> before = state(beams);

    assertThatThrownBy(() -> space.swapIn(swapped))
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=4, free=3, reclaimable=0, total=" + NUM_BLOCKS);

    assertThat(state(beams)).isEqualTo(before);
    checkConservation();
    hog.close();
    space.swapIn(swapped);
    assertThat(memory.tokensOf(beams.get(0))).containsExactly(1, 2, 3, 4, 5, 6, 100);
  }

  @Test
  @SuppressWarnings("try") // the arena outlives the swap space
  void aCopyThatFailsEitherWayChangesNothing() {
    List<KvSequence> beams = beams();
    try (Arena arena = Arena.ofConfined();
        SwapSpace fragile = SwapSpace.open(memory.cache(), Capacity.within(hostMemory(arena)))) {
      List<Object> before = state(beams);
      assertThatThrownBy(() -> ReadableCache.onAnotherThread(() -> fragile.swapOut(beams)))
          .isInstanceOf(WrongThreadException.class);
      assertThat(state(beams)).isEqualTo(before);
      assertThat(fragile.statistics().slots().numUsed()).isZero();
      assertThat(fragile.statistics().out()).isEqualTo(TransferTotals.NONE);
      checkConservation();

      SwappedGroup swapped = fragile.swapOut(beams);
      before = state(beams);
      assertThatThrownBy(() -> ReadableCache.onAnotherThread(() -> fragile.swapIn(swapped)))
          .isInstanceOf(WrongThreadException.class);
      assertThat(state(beams)).isEqualTo(before);
      assertThat(fragile.statistics().slots().numUsed()).isEqualTo(4);
      fragile.checkConservation();
      checkConservation();

      fragile.swapIn(swapped);
      assertThat(memory.tokensOf(beams.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
    }
  }

  private MemorySegment hostMemory(Arena arena) {
    return arena.allocate(8 * blockBytes, KvLayout.TILE_ALIGNMENT_BYTES);
  }

  @Test
  void asLongAsGroupsAreSwappedOutItCannotBeClosed() {
    List<KvSequence> beams = beams();
    SwapSpace other = SwapSpace.open(memory.cache(), Capacity.blocks(8));
    SwappedGroup swapped = other.swapOut(beams);
    beams.get(0).close();

    assertThatIllegalStateException()
        .isThrownBy(other::close)
        .withMessageContaining("numGroups=1, numSlots=4, numSequences=3, numClosed=1");

    other.discard(swapped);
    other.close();
    assertThatIllegalStateException().isThrownBy(other::close);
    assertThatIllegalStateException().isThrownBy(() -> other.swapOut(List.of(memory.counting(1))));
  }

  @Test
  void slotsOfClosedSequencesAreFreedByDiscard() {
    List<KvSequence> beams = beams();
    SwappedGroup swapped = space.swapOut(beams);
    beams.get(1).close();
    assertThat(space.statistics().slots().numUsed()).isEqualTo(4);
    assertThatIllegalStateException().isThrownBy(() -> space.swapIn(swapped));
    assertThatIllegalStateException().isThrownBy(() -> space.drop(swapped));
    checkConservation();

    space.discard(swapped);

    assertThat(beams).allMatch(KvSequence::isClosed);
    assertThat(space.statistics().slots().numUsed()).isZero();
    assertThat(memory.cache().statistics().numSequences()).isZero();
  }

  @Test
  void aGroupLeavesOnce() {
    List<KvSequence> beams = beams();
    SwappedGroup swapped = space.swapOut(beams);
    space.swapIn(swapped);
    for (KvSequence beam : beams) {
      memory.append(beam, 1, 2, 3, 4, 5);
    }
    SwappedGroup again = space.swapOut(beams);

    assertThatIllegalStateException().isThrownBy(() -> space.swapIn(swapped));
    assertThatIllegalStateException().isThrownBy(() -> space.discard(swapped));
    assertThatIllegalStateException().isThrownBy(() -> space.drop(swapped));
    checkConservation();
    space.swapIn(again);
    assertThat(memory.tokensOf(beams.get(2))).containsExactly(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5);
  }

  @Test
  void aDroppedGroupIsComputedAgainInsteadOfMoved() {
    List<KvSequence> beams = beams();
    List<int[]> tokens = beams.stream().map(memory::tokensOf).toList();
    DroppedGroup dropped = space.drop(space.swapOut(beams));
    assertThat(space.statistics().slots().numUsed()).isZero();
    assertThat(space.statistics().in()).isEqualTo(TransferTotals.NONE);

    dropped.restore((sequence, from, to) ->
        memory.append(sequence, Arrays.copyOfRange(tokens.get(beams.indexOf(sequence)), from, to)));

    assertThat(memory.numUsed()).isEqualTo(4);
    assertThat(memory.tokensOf(beams.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
  }

  @Test
  void emptySequencesNeedNoSlot() {
    KvSequence empty = memory.cache().newSequence();

    SwappedGroup swapped = space.swapOut(List.of(empty));
    space.swapIn(swapped);

    assertThat(swapped.numBlocks()).isZero();
    memory.append(empty, 1);
    assertThat(memory.tokensOf(empty)).containsExactly(1);
  }

  @Test
  void whatCannotMoveIsRefusedAndChangesNothing() {
    List<KvSequence> beams = beams();
    List<Object> before = state(beams);
    assertThatIllegalArgumentException().isThrownBy(() -> space.swapOut(List.of()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.swapOut(List.of(beams.get(0), beams.get(0))));
    try (ReadableCache other = ReadableCache.open(BLOCK_SIZE, 4)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> space.swapOut(List.of(beams.get(0), other.counting(1))));
    }
    try (Step open = memory.cache().newStep()) {
      open.append(beams.get(1), 1).begin();
      assertThatIllegalStateException().isThrownBy(() -> space.swapOut(beams));
    }
    assertThat(state(beams)).isEqualTo(before);
    SwappedGroup swapped = space.swapOut(beams);
    assertThatIllegalStateException().isThrownBy(() -> space.swapOut(beams));
    assertThatIllegalStateException().isThrownBy(() -> memory.append(beams.get(0), 1));
    assertThatIllegalStateException().isThrownBy(() -> beams.get(0).fork());
    assertThatIllegalStateException().isThrownBy(() -> beams.get(0).truncate(1));
    try (SwapSpace other = SwapSpace.open(memory.cache(), Capacity.blocks(1))) {
      assertThatIllegalArgumentException().isThrownBy(() -> other.swapIn(swapped));
      assertThatIllegalArgumentException().isThrownBy(() -> other.discard(swapped));
      assertThatIllegalArgumentException().isThrownBy(() -> other.drop(swapped));
    }
    checkConservation();
    space.swapIn(swapped);
    assertThat(state(beams).subList(0, 5)).isEqualTo(before.subList(0, 5));
  }

  @Test
  void capacityThatCannotBeHadIsRefusedWithTheNumbers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SwapSpace.open(memory.cache(), Capacity.bytes(blockBytes - 1)))
        .withMessageContaining("blockBytes=" + blockBytes);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SwapSpace.open(memory.cache(), Capacity.bytes(1L << 50)));
  }

  @Test
  void groupsMoveInParallel() throws InterruptedException {
    List<List<KvSequence>> groups = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      KvSequence sequence = memory.sequence(10 * i + 1, 10 * i + 2, 10 * i + 3, 10 * i + 4);
      KvSequence fork = sequence.fork();
      memory.append(fork, 10 * i + 5);
      groups.add(List.of(sequence, fork));
    }
    List<Thread> threads = new ArrayList<>();
    List<Throwable> thrown = Collections.synchronizedList(new ArrayList<>());
    for (List<KvSequence> group : groups) {
      Thread thread =
          new Thread(() -> {
            try {
              for (int round = 0; round < 200; round++) {
                space.swapIn(space.swapOut(group));
              }
            } catch (Throwable t) {
              thrown.add(t);
            }
          });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(thrown).isEmpty();
    assertThat(space.statistics().out().numTransfers()).isEqualTo(4 * 200 * 2);
    for (int i = 0; i < 4; i++) {
      assertThat(memory.tokensOf(groups.get(i).get(1)))
          .containsExactly(10 * i + 1, 10 * i + 2, 10 * i + 3, 10 * i + 4, 10 * i + 5);
    }
  }
}
