package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ParkedOpeningTest {
  private static final int BLOCKS = 6;
  private static final int BLOCK_SIZE = 4;

  private final SmallCache small = new SmallCache(BLOCKS, BLOCK_SIZE);

  @AfterEach
  void free() {
    small.close();
  }

  /** What a maker may say that cannot be, and what the refusal names. */
  private record Nonsense(String says, int[] lengths, int[][] tables) {
    @Override
    public String toString() {
      return says;
    }
  }

  private static List<Nonsense> nonsense() {
    return List.of(
        new Nonsense("numLengths=0, numTables=0", new int[0], new int[0][]),
        new Nonsense("numLengths=2, numTables=1", new int[] {4, 4}, new int[][] {{0}}),
        new Nonsense("numTokens=-1", new int[] {-1}, new int[][] {{}}),
        new Nonsense("length=5, numBlocks=1", new int[] {5}, new int[][] {{0}}),
        new Nonsense("length=4, numBlocks=2", new int[] {4}, new int[][] {{0, 1}}),
        new Nonsense("blockNumber=-1", new int[] {4}, new int[][] {{-1}}),
        new Nonsense("blockNumber=2", new int[] {4, 4}, new int[][] {{0}, {2}}),
        new Nonsense("blockNumber=1", new int[] {8, 4}, new int[][] {{0, 2}, {0}}),
        new Nonsense("index=0, otherIndex=1", new int[] {8}, new int[][] {{0, 0}}),
        new Nonsense(
            "blockNumber=1, index=1, otherIndex=0",
            new int[] {8, 8},
            new int[][] {{0, 1}, {1, 2}}));
  }

  @ParameterizedTest
  @MethodSource("nonsense")
  void nonsenseIsRefusedBeforeAnythingIsOpened(Nonsense nonsense) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> small.cache.openParked(nonsense.lengths, nonsense.tables))
        .withMessageContaining(nonsense.says);
    assertThat(small.cache.statistics().numSequences()).isZero();
  }

  @Test
  void sequencesArePutTogetherWithWhatTheyShareAndTakeNoBlockYet() {
    int[] lengths = {9, 5, 0};
    int[][] tables = {{0, 2, 3}, {0, 1}, {}};
    ParkedGroup group = small.cache.openParked(lengths, tables);
    lengths[0] = 1;
    tables[0][0] = 9;

    assertThat(group.numBlocks()).isEqualTo(4);
    assertThat(small.numFree()).isEqualTo(BLOCKS);
    assertThat(small.cache.statistics().numTokens()).as("that are here").isZero();
    small.cache.unpark(group, (storage, blockIds) -> assertThat(blockIds).hasSize(4));
    assertThat(small.numFree()).isEqualTo(BLOCKS - 4);
    assertThat(small.cache.statistics().numTokens()).isEqualTo(14);
    assertThat(group.sequences()).extracting(KvSequence::length).containsExactly(9, 5, 0);
    int[] first = group.sequences().get(0).blockIds();
    assertThat(group.sequences().get(1).blockIds()).hasSize(2).startsWith(first[0]);
    small.cache.checkConservation();
    small.cache.closeAll();
  }

  @Test
  void aClosedCacheOpensNone() {
    small.cache.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> small.cache.openParked(new int[] {4}, new int[][] {{0}}));
  }
}
