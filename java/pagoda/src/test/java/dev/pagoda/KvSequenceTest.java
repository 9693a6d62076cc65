package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KvSequenceTest {
  private static final int BLOCK_SIZE = 4;

  @Test
  void anEmptySequenceHasNoBlocksHoweverLongItIsExpectedToGrow() {
    try (SmallCache small = new SmallCache(4, BLOCK_SIZE)) {
      KvSequence sequence = small.cache.newSequence(Integer.MAX_VALUE);
      assertThat(sequence.length()).isZero();
      assertThat(sequence.blockIds()).isEmpty();
      assertThat(small.numFree()).isEqualTo(4);
      assertThat(sequence.cache()).isSameAs(small.cache);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> small.cache.newSequence(-1))
          .withMessageEndingWith("numTokens=-1");
    }
  }

  @Test
  void idsAreUniqueAndInItsName() {
    try (SmallCache small = new SmallCache(4, BLOCK_SIZE)) {
      KvSequence one = small.open();
      KvSequence two = small.open();
      KvSequence three = small.fork(one);
      small.close(two);
      assertThat(List.of(one.id(), two.id(), three.id(), small.open().id()))
          .doesNotHaveDuplicates();
      assertThat(three.toString()).contains("id=" + three.id());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 16})
  void aForkAtAnyPositionSharesItsBlocksAndBothGrowOnTheirOwn(int blockSize) {
    int longest = 3 * blockSize + 1;
    for (int length = 0; length <= longest; length++) {
      for (int position = 0; position <= length; position++) {
        try (SmallCache small = new SmallCache(12, blockSize)) {
          KvSequence parent = small.open(length);
          int free = small.numFree();
          KvSequence fork = small.fork(parent, position);
          assertThat(small.numFree()).as("a fork takes no block").isEqualTo(free);
          assertThat(fork.blockIds()).isEqualTo(firstOf(parent, blocks(position, blockSize)));
          small.requireContent();

          small.grow(fork, 1);
          small.requireContent();
          small.grow(parent, 2);
          small.requireContent();
          small.grow(Growth.of(parent, blockSize), Growth.of(fork, blockSize + 1));
          small.requireContent();
          // Only the fork shared a block that it then wrote; its copy made the parent sole owner.
          boolean copied = position % blockSize != 0;
          assertThat(small.numCopies()).isEqualTo(copied ? 1 : 0);
          assertThat(fork.numBlockCopies()).isEqualTo(copied ? 1 : 0);
          small.requireNothingLeaks();
        }
      }
    }
  }

  private static int blocks(int length, int blockSize) {
    return (length + blockSize - 1) / blockSize;
  }

  private static int[] firstOf(KvSequence sequence, int count) {
    return java.util.Arrays.copyOf(sequence.blockIds(), count);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 16})
  void truncatingAtAnyPositionFreesTheTailAndForksKeepTheirs(int blockSize) {
    int longest = 3 * blockSize + 1;
    for (int length = 0; length <= longest; length++) {
      for (int position = 0; position <= length; position++) {
        try (SmallCache small = new SmallCache(16, blockSize)) {
          KvSequence alone = small.open(length);
          int free = small.numFree();
          small.truncate(alone, position);
          assertThat(small.numFree() - free)
              .isEqualTo(blocks(length, blockSize) - blocks(position, blockSize));
          small.grow(alone, blockSize);
          small.requireContent();

          KvSequence parent = small.open(length);
          KvSequence fork = small.fork(parent);
          small.truncate(parent, position);
          assertThat(fork.blockIds()).hasSize(blocks(length, blockSize));
          small.grow(parent, 1); // behind the cut, over what the fork still holds
          small.requireContent();
          small.grow(Growth.of(fork, 1), Growth.of(parent, blockSize));
          small.requireContent();
          small.requireNothingLeaks();
        }
      }
    }
  }

  @Test
  void lengthsThatItDoesNotHaveAreRefused() {
    try (SmallCache small = new SmallCache(4, BLOCK_SIZE)) {
      KvSequence sequence = small.open(5);
      SmallCache.Snapshot before = small.snapshot();
      for (int length : new int[] {-1, 6, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> sequence.fork(length))
            .withMessageEndingWith("length=5, asked=" + length);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> sequence.truncate(length))
            .withMessageEndingWith("length=5, asked=" + length);
      }
      assertThat(small.snapshot()).isEqualTo(before);
      assertThat(small.cache.statistics().numSequences()).isEqualTo(1);
      assertThat(small.cache.statistics().numForks()).isZero();
    }
  }

  // Copy-on-write.

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5, 8})
  void allSharersOfAPartialBlockInOneStepMakeOneCopyLessThanTheyAre(int sharers) {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      List<KvSequence> beams = forks(small, small.open(6), sharers);
      small.grow(beams.stream().map(b -> Growth.of(b, 1)).toArray(Growth[]::new));

      assertThat(small.numCopies()).isEqualTo(sharers - 1);
      assertThat(small.cache.statistics().blocks().numUsed()).isEqualTo(1 + sharers);
      assertThat(beams.stream().mapToLong(KvSequence::numBlockCopies).sum()).isEqualTo(sharers - 1);
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  /** The sequence itself and forks of it. */
  private static List<KvSequence> forks(SmallCache small, KvSequence sequence, int count) {
    List<KvSequence> all = new ArrayList<>(List.of(sequence));
    while (all.size() < count) {
      all.add(small.fork(sequence));
    }
    return all;
  }

  @Test
  void whereThePromptKeepsItsHandleEachSharerMakesACopy() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      KvSequence prompt = small.open(6);
      List<KvSequence> samples = forks(small, small.fork(prompt), 3);
      small.grow(samples.stream().map(b -> Growth.of(b, 1)).toArray(Growth[]::new));

      assertThat(small.numCopies()).isEqualTo(3);
      small.requireContent();
      small.grow(prompt, 1);
      assertThat(small.numCopies()).as("the prompt is alone now").isEqualTo(3);
      small.requireContent();
    }
  }

  @Test
  void oneStepEachMakesOneCopyLessTooAsTheLastIsAloneThen() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      List<KvSequence> beams = forks(small, small.open(6), 4);
      beams.forEach(beam -> small.grow(beam, 1));

      assertThat(small.numCopies()).isEqualTo(3);
      small.requireContent();
    }
  }

  @Test
  void aFullLastBlockIsSharedAndNeverCopied() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      List<KvSequence> beams = forks(small, small.open(8), 4);
      small.grow(beams.stream().map(b -> Growth.of(b, 1)).toArray(Growth[]::new));

      assertThat(small.numCopies()).isZero();
      assertThat(small.cache.statistics().blocks().numShared()).isEqualTo(2);
      small.requireContent();
    }
  }

  /** Beams that change parents one to one: fork each new parent, close the old handles. */
  @Test
  void aPermutationOfBeamsCopiesNothing() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      List<KvSequence> beams = forks(small, small.open(6), 4);
      small.grow(beams.stream().map(b -> Growth.of(b, 1)).toArray(Growth[]::new));
      long copies = small.numCopies();
      int[] parents = {2, 0, 3, 1};
      List<KvSequence> next = new ArrayList<>();
      for (int parent : parents) {
        next.add(small.fork(beams.get(parent)));
      }
      beams.forEach(small::close);
      small.grow(next.stream().map(b -> Growth.of(b, 1)).toArray(Growth[]::new));

      assertThat(small.numCopies()).isEqualTo(copies);
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  /**
   * Sharers of a block that have different lengths in it. Whoever wrote in place must not have
   * written over what a longer one gets back.
   */
  @Test
  void sharersOfDifferentLengthsAllGetTheirTokensBackOnRollback() {
    for (int shorter = 5; shorter < 8; shorter++) {
      for (int longer = shorter; longer < 8; longer++) {
        for (boolean shorterFirst : new boolean[] {true, false}) {
          try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
            KvSequence parent = small.open(longer);
            KvSequence fork = small.fork(parent, shorter);
            SmallCache.Snapshot before = small.snapshot();
            Growth first = Growth.of(shorterFirst ? fork : parent, 1);
            Growth second = Growth.of(shorterFirst ? parent : fork, 2);

            small.begin(first, second).write().step.rollback();
            assertThat(small.snapshot()).isEqualTo(before);
            small.grow(second, first);
            assertThat(small.numCopies()).as("one in the vain step, one now").isEqualTo(2);
            small.requireContent();
            small.requireNothingLeaks();
          }
        }
      }
    }
  }

  @Test
  void aBlockInTheMiddleOfAnotherTableIsCopiedBeforeAShorterForkWritesIt() {
    try (SmallCache small = new SmallCache(16, BLOCK_SIZE)) {
      KvSequence parent = small.open(11);
      KvSequence fork = small.fork(parent, 2); // its last block is the parent's first
      small.grow(Growth.of(fork, 1), Growth.of(parent, 1));
      assertThat(small.numCopies()).isEqualTo(1);
      small.requireContent();
    }
  }

  // Closing.

  @Test
  void closingGivesUpWhatNobodyElseHasAndClosingAgainDoesNothing() {
    try (SmallCache small = new SmallCache(8, BLOCK_SIZE)) {
      KvSequence parent = small.open(9);
      KvSequence fork = small.fork(parent, 5);
      small.close(parent);
      assertThat(small.numFree()).isEqualTo(6);
      assertThat(parent.isClosed()).isTrue();
      assertThat(fork.isClosed()).isFalse();
      CacheStatistics before = small.cache.statistics();
      parent.close();
      assertThat(small.cache.statistics()).isEqualTo(before);
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  @Test
  void aClosedSequenceRefusesAllElse() {
    try (SmallCache small = new SmallCache(8, BLOCK_SIZE)) {
      KvSequence other = small.open(3);
      KvSequence sequence = small.open(3);
      small.close(sequence);
      SmallCache.Snapshot before = small.snapshot();

      assertThatIllegalStateException()
          .isThrownBy(sequence::fork)
          .withMessageContaining("id=" + sequence.id())
          .withMessageContaining("CLOSED");
      assertThatIllegalStateException().isThrownBy(() -> sequence.fork(0));
      assertThatIllegalStateException().isThrownBy(() -> sequence.truncate(0));
      assertThatIllegalStateException().isThrownBy(sequence::blockIds);
      Step step = small.cache.newStep();
      assertThatIllegalStateException()
          .isThrownBy(() -> step.append(other, 1).append(sequence, 1).begin());
      assertThatIllegalStateException()
          .isThrownBy(() -> small.cache.park(List.of(other, sequence), (s, ids) -> {}));
      assertThat(small.snapshot()).isEqualTo(before);
    }
  }

  @Test
  void whileInAStepItCannotBeForkedTruncatedOrClosed() {
    try (SmallCache small = new SmallCache(8, BLOCK_SIZE)) {
      KvSequence sequence = small.open(3);
      Begun begun = small.begin(Growth.of(sequence, 2));

      assertThatIllegalStateException()
          .isThrownBy(sequence::fork)
          .withMessageContaining("id=" + sequence.id());
      assertThatIllegalStateException().isThrownBy(() -> sequence.fork(1));
      assertThatIllegalStateException().isThrownBy(() -> sequence.truncate(1));
      assertThatIllegalStateException().isThrownBy(sequence::close);
      assertThatIllegalStateException()
          .isThrownBy(() -> small.cache.park(List.of(sequence), (s, ids) -> {}));
      assertThat(sequence.isClosed()).isFalse();
      assertThat(sequence.length()).isEqualTo(3);
      assertThat(sequence.blockIds()).as("this step's blocks included").hasSize(2);
      begun.write().commit();
      small.requireContent();
      small.requireNothingLeaks();
    }
  }
}
