package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("any-backend")
class ForkGroupTest {
  private static final int BLOCK_SIZE = 4;

  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 64);
  private final Step step = memory.cache().newStep();

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.close();
  }

  private void appendOneEach(ForkGroup group, int firstToken) {
    int[] tokens = new int[group.size()];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = firstToken + i;
    }
    memory.commit(group.appendTo(step), tokens);
  }

  @ParameterizedTest
  @CsvSource({"MOVE, 3, 2, 2", "KEEP, 3, 3, 3", "MOVE, 1, 0, 0", "KEEP, 1, 1, 1"})
  void forksAndCopiesAreOneLessWhenThePromptMoves(
      PromptHandle handle, int size, int numForks, int numCopies) {
    KvSequence prompt = memory.counting(6);

    ForkGroup group = ForkGroup.of(prompt, size, handle);

    assertThat(group.numForks()).isEqualTo(numForks);
    assertThat(memory.numUsed()).isEqualTo(2);
    appendOneEach(group, 100);
    assertThat(group.numBlockCopies()).isEqualTo(numCopies);
    assertThat(memory.numUsed()).isEqualTo(2 + numCopies);
    group.close();
    assertThat(prompt.isClosed()).isEqualTo(handle == PromptHandle.MOVE);
    assertThat(group.numBlockCopies()).isEqualTo(numCopies);
  }

  @Test
  void aPromptThatEndsWithItsBlockIsNeverCopied() {
    ForkGroup group = ForkGroup.of(memory.counting(8), 5, PromptHandle.KEEP);

    appendOneEach(group, 100);

    assertThat(group.numBlockCopies()).isZero();
    assertThat(memory.numUsed()).isEqualTo(2 + 5);
  }

  @Test
  void aPermutationForksAndCopiesNothing() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 4, PromptHandle.MOVE);
    appendOneEach(group, 100);
    List<KvSequence> before = group.sequences();

    group.reassign(2, 0, 3, 1);

    assertThat(group.sequences())
        .containsExactly(before.get(2), before.get(0), before.get(3), before.get(1));
    appendOneEach(group, 200);
    assertThat(group.numForks()).isEqualTo(3);
    assertThat(group.numBlockCopies()).isEqualTo(3);
    assertThat(memory.tokensOf(group.sequences().getFirst()))
        .containsExactly(1, 2, 3, 4, 5, 6, 102, 200);
  }

  @Test
  void aParentChosenKTimesIsForkedKMinusOneTimesAndTheOthersAreClosed() {
    ForkGroup group = ForkGroup.of(memory.counting(4), 3, PromptHandle.MOVE);
    appendOneEach(group, 100);
    List<KvSequence> before = group.sequences();
    long forksBefore = group.numForks();

    group.reassign(1, 1, 0, 1);

    assertThat(group.numForks() - forksBefore).isEqualTo(2);
    assertThat(group.sequences().get(0)).isSameAs(before.get(1));
    assertThat(group.sequences().get(2)).isSameAs(before.get(0));
    assertThat(before.get(2).isClosed()).isTrue();
    assertThat(memory.numUsed()).isEqualTo(3);
    appendOneEach(group, 200);
    assertThat(group.numBlockCopies()).isEqualTo(2);
    assertThat(memory.numUsed()).isEqualTo(1 + 4);
    assertThat(memory.tokensOf(group.sequences().get(3))).containsExactly(1, 2, 3, 4, 101, 203);
  }

  @Test
  void nobodyChosenEndsTheGroup() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);

    group.reassign();

    assertThat(group.size()).isZero();
    assertThat(memory.numUsed()).isZero();
  }

  @Test
  void copiesOfOtherUsersAreNotCounted() {
    KvSequence prompt = memory.counting(6);
    KvSequence stranger = prompt.fork();
    memory.append(stranger, 50);
    memory.append(prompt, 60);
    KvSequence other = prompt.fork();
    memory.append(prompt, 61); // a copy that the prompt made before it moves
    ForkGroup group = ForkGroup.of(prompt, 2, PromptHandle.MOVE);

    memory.append(other.fork(), 70);
    appendOneEach(group, 100);

    assertThat(prompt.numBlockCopies()).isEqualTo(1);
    assertThat(group.numBlockCopies()).isZero(); // length 8: the block was full
    appendOneEach(group, 100);
    group.reassign(0, 0);
    appendOneEach(group, 100);
    assertThat(group.numBlockCopies()).isEqualTo(1);
    assertThat(memory.cache().statistics().numBlockCopies()).isEqualTo(4);
  }

  @Test
  void aNumberThatIsNoMemberChangesNothing() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 2, PromptHandle.MOVE);
    List<KvSequence> before = group.sequences();

    assertThatIllegalArgumentException()
        .isThrownBy(() -> group.reassign(0, 0, 2))
        .withMessageContaining("size=2, parent=2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> group.reassign(-1))
        .withMessageContaining("parent=-1");
    assertThat(group.sequences()).isEqualTo(before);
    assertThat(group.numForks()).isEqualTo(1);
    memory.cache().checkConservation();
  }

  @ParameterizedTest
  @EnumSource(PromptHandle.class)
  void aForkThatFailsHalfWayLeavesPromptAndPoolUnchanged(PromptHandle handle) {
    KvSequence prompt = memory.counting(6);
    int size = 5;
    int numForks = handle == PromptHandle.KEEP ? size : size - 1;
    for (int failing = 1; failing <= numForks; failing++) {
      UnaryOperator<KvSequence> fork = failingAt(failing);

      assertThatThrownBy(() -> ForkGroup.of(prompt, size, handle, fork))
          .isInstanceOf(InjectedFailure.class);

      assertThat(prompt.isClosed()).isFalse();
      assertThat(memory.cache().statistics().numSequences()).isEqualTo(1);
      assertThat(memory.cache().statistics().blocks().numReferences()).isEqualTo(2);
      memory.cache().checkConservation();
    }
    memory.append(prompt, 7);
    assertThat(memory.tokensOf(prompt)).containsExactly(1, 2, 3, 4, 5, 6, 7);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void aReassignmentThatFailsHalfWayChangesNothing(int failing) {
    UnaryOperator<KvSequence> fork = failingAt(2 + failing);
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE, fork);
    appendOneEach(group, 100);
    List<KvSequence> before = group.sequences();
    long forksBefore = group.numForks();
    int usedBefore = memory.numUsed();

    assertThatThrownBy(() -> group.reassign(0, 0, 2, 2, 2)).isInstanceOf(InjectedFailure.class);

    assertThat(group.sequences()).isEqualTo(before).noneMatch(KvSequence::isClosed);
    assertThat(group.numForks()).isEqualTo(forksBefore);
    assertThat(memory.numUsed()).isEqualTo(usedBefore);
    memory.cache().checkConservation();
    group.reassign(1, 1, 1);
    appendOneEach(group, 200);
    assertThat(memory.tokensOf(group.sequences().get(2)))
        .containsExactly(1, 2, 3, 4, 5, 6, 101, 202);
  }

  @Test
  void whileAMemberIsInAStepItCanBeNeitherForkedNorClosed() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);
    List<KvSequence> members = group.sequences();
    try (Step open = memory.cache().newStep()) {
      open.append(members.get(1), 1).begin();

      assertThatIllegalStateException().isThrownBy(() -> group.reassign(1, 1, 0, 2));
      assertThatIllegalStateException().isThrownBy(() -> group.reassign(2, 0));
      group.reassign(2, 0, 1);
      assertThatIllegalStateException().isThrownBy(() -> group.reassign(0));
      assertThat(members).noneMatch(KvSequence::isClosed);
      assertThat(group.size()).isEqualTo(3);
      assertThatIllegalStateException().isThrownBy(group::close);
    }
    memory.cache().checkConservation();
    group.close();
    assertThat(memory.numUsed()).isZero();
  }

  @Test
  void outOfBlocksLeavesTheGroupReadyToTryAgain() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 4, PromptHandle.MOVE);
    KvSequence hog = memory.counting(60 * BLOCK_SIZE);
    assertThatThrownBy(() -> group.appendTo(step).begin())
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=3, free=2");
    memory.cache().checkConservation();

    hog.truncate(59 * BLOCK_SIZE);
    appendOneEach(group, 100);

    assertThat(group.numBlockCopies()).isEqualTo(3);
  }

  @Test
  @Tag("host-memory")
  void aBlockCopyThatFailsLeavesGroupAndPoolUnchanged() {
    try (ReadableCache fragile = ReadableCache.openConfined(BLOCK_SIZE, 16)) {
      ForkGroup group = ForkGroup.of(fragile.counting(6), 3, PromptHandle.MOVE);
      Step fragileStep = fragile.cache().newStep();
      int usedBefore = fragile.numUsed();

      assertThatThrownBy(
              () -> ReadableCache.onAnotherThread(() -> group.appendTo(fragileStep).begin()))
          .isInstanceOf(WrongThreadException.class);

      assertThat(fragile.numUsed()).isEqualTo(usedBefore);
      fragile.cache().checkConservation();
      fragile.commit(group.appendTo(fragileStep), 100, 101, 102);
      assertThat(fragile.tokensOf(group.sequences().get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
    }
  }

  @Test
  void misuseIsNamed() {
    KvSequence prompt = memory.counting(6);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ForkGroup.of(prompt, 0, PromptHandle.KEEP))
        .withMessageContaining("size=0");
    ForkGroup group = ForkGroup.of(prompt, 2, PromptHandle.KEEP);
    group.close();
    group.close();
    assertThatIllegalStateException().isThrownBy(() -> group.reassign());
    prompt.close();
    assertThatIllegalStateException().isThrownBy(() -> ForkGroup.of(prompt, 1, PromptHandle.MOVE));
    assertThatIllegalStateException().isThrownBy(() -> ForkGroup.of(prompt, 2, PromptHandle.KEEP));
    try (ReadableCache other = ReadableCache.open(BLOCK_SIZE, 4)) {
      ForkGroup stranger = ForkGroup.of(other.counting(1), 2, PromptHandle.MOVE);
      assertThatIllegalArgumentException().isThrownBy(() -> stranger.appendTo(step));
    }
  }

  private static final class InjectedFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private static UnaryOperator<KvSequence> failingAt(int failingCall) {
    int[] calls = new int[1];
    return sequence -> {
      calls[0]++;
      if (calls[0] == failingCall) {
        throw new InjectedFailure();
      }
      return sequence.fork();
    };
  }
}
