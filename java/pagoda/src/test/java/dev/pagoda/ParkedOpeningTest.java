package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ParkedOpeningTest {
  private static final int BLOCKS = 6;
  private static final int BLOCK_SIZE = 4;

  private final SmallCache small = new SmallCache(BLOCKS, BLOCK_SIZE);

  @AfterEach
  void free() {
    small.close();
  }

  /** What a maker may say that cannot be. */
  private enum Nonsense {
    NO_SEQUENCE(new int[0], new int[0][], "numLengths=0, numTables=0"),
    A_TABLE_TOO_FEW(new int[] {4, 4}, new int[][] {{0}}, "numLengths=2, numTables=1"),
    A_NEGATIVE_LENGTH(new int[] {-1}, new int[][] {{}}, "numTokens=-1"),
    A_SHORT_TABLE(new int[] {5}, new int[][] {{0}}, "length=5, numBlocks=1"),
    A_LONG_TABLE(new int[] {4}, new int[][] {{0, 1}}, "length=4, numBlocks=2"),
    A_NEGATIVE_NUMBER(new int[] {4}, new int[][] {{-1}}, "blockNumber=-1"),
    A_NUMBER_BEYOND_ALL(new int[] {4, 4}, new int[][] {{0}, {2}}, "blockNumber=2"),
    A_NUMBER_LEFT_OUT(new int[] {8, 4}, new int[][] {{0, 2}, {0}}, "blockNumber=1"),
    A_BLOCK_TWICE_IN_A_TABLE(new int[] {8}, new int[][] {{0, 0}}, "index=0, otherIndex=1"),
    A_BLOCK_AT_TWO_PLACES(
        new int[] {8, 8}, new int[][] {{0, 1}, {1, 2}}, "blockNumber=1, index=1, otherIndex=0");

    final int[] lengths;
    final int[][] tables;
    final String says;

    Nonsense(int[] lengths, int[][] tables, String says) {
      this.lengths = lengths;
      this.tables = tables;
      this.says = says;
    }
  }

  @ParameterizedTest
  @EnumSource
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
