package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RaggedBatchTest {
  private record Added(int queryLength, int contextLength, int[] blockIds) {}

  @Test
  void rowsPositionsAndTablesAreThoseOfTheSequencesAdded() {
    SplittableRandom random = new SplittableRandom(21);
    RaggedBatch batch = new RaggedBatch(1); // too small for anything, so that arrays must grow
    for (int round = 0; round < 200; round++) {
      batch.clear();
      assertThat(batch.numSeqs()).isZero();
      assertThat(batch.numTokens()).isZero();
      List<Added> added = new ArrayList<>();
      int numSeqs = random.nextInt(0, 40);
      for (int i = 0; i < numSeqs; i++) {
        int queryLength = random.nextInt(1, 30);
        int contextLength = queryLength + random.nextInt(0, 50);
        int[] blockIds = random.ints(random.nextInt(0, 20), 0, 1000).toArray();
        int from = batch.addSequence(queryLength, contextLength, blockIds.length);
        System.arraycopy(blockIds, 0, batch.blockIds(), from, blockIds.length);
        added.add(new Added(queryLength, contextLength, blockIds));
      }
      requireHolds(batch, added);
    }
  }

  private static void requireHolds(RaggedBatch batch, List<Added> added) {
    int row = 0;
    int entry = 0;
    assertThat(batch.numSeqs()).isEqualTo(added.size());
    for (int i = 0; i < added.size(); i++) {
      Added sequence = added.get(i);
      assertThat(batch.queryStart(i)).isEqualTo(row);
      assertThat(batch.queryLength(i)).isEqualTo(sequence.queryLength);
      assertThat(batch.contextLength(i)).isEqualTo(sequence.contextLength);
      assertThat(batch.tableStart(i)).isEqualTo(entry);
      for (int id : sequence.blockIds) {
        assertThat(batch.blockIds()[entry]).isEqualTo(id);
        entry++;
      }
      for (int j = 0; j < sequence.queryLength; j++) {
        assertThat(batch.sequenceOf(row)).isEqualTo(i);
        assertThat(batch.positionOf(row))
            .isEqualTo(sequence.contextLength - sequence.queryLength + j);
        row++;
      }
    }
    assertThat(batch.numTokens()).isEqualTo(row);
  }

  @Test
  void numbersBeyondAnIntAreRefusedAndTheBatchStaysAsItIs() {
    RaggedBatch batch = new RaggedBatch(4);
    batch.addSequence(3, 5, 2);

    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> batch.addSequence(Integer.MAX_VALUE, Integer.MAX_VALUE, 1));
    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> batch.addSequence(1, 1, Integer.MAX_VALUE));
    assertThat(batch.numSeqs()).isEqualTo(1);
    assertThat(batch.numTokens()).isEqualTo(3);
    assertThat(batch.addSequence(1, 1, 1)).isEqualTo(2);
  }

  @Test
  void aBatchThatWasOnceThatLargeKeepsItsArrays() {
    RaggedBatch batch = new RaggedBatch(100);
    batch.addSequence(70, 70, 100);
    int[] blockIds = batch.blockIds();
    batch.clear();
    batch.addSequence(70, 90, 100);

    assertThat(batch.blockIds()).isSameAs(blockIds);
  }
}
