package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

class BlockTableTest {
  private final BlockPool pool = new BlockPool(16);
  private final BlockTable table = new BlockTable(pool, 0);

  private void append(int count) {
    for (int i = 0; i < count; i++) {
      table.append(pool.allocate());
    }
  }

  private static int[] ids(BlockTable table) {
    int[] ids = new int[table.numBlocks()];
    table.copyIds(ids, 0);
    return ids;
  }

  @Test
  void blocksComeInTheOrderTheyWereAppended() {
    append(6); // more than the least room

    assertThat(ids(table)).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(table.blockId(5)).isEqualTo(5);
    assertThat(pool.referenceCount(table.handle(5))).isEqualTo(1);
  }

  @Test
  void copyIdsWritesFromAnIndexOn() {
    append(2);
    int[] ids = {9, 9, 9, 9};
    table.copyIds(ids, 1);

    assertThat(ids).containsExactly(9, 0, 1, 9);
  }

  @Test
  void anEntryThatIsNotThereIsRefused() {
    append(2);
    for (int index : new int[] {-1, 2, 3, Integer.MAX_VALUE}) { // 3 lies within the array's room
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> table.handle(index))
          .withMessageEndingWith("blockIndex=" + index);
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> table.blockId(index));
    }
  }

  @Test
  void truncatingGivesTheTailBackAndKeepsTheRest() {
    append(5);
    assertThat(table.truncate(2)).isEqualTo(3);

    assertThat(ids(table)).containsExactly(0, 1);
    assertThat(pool.numFree()).isEqualTo(14);
    append(2);
    assertThat(ids(table)).as("freed blocks come back in their order").containsExactly(0, 1, 2, 3);
    assertThat(table.truncate(4)).isZero();
    assertThat(table.truncate(0)).isEqualTo(4);
    assertThat(pool.numFree()).isEqualTo(16);
  }

  @Test
  void truncatingToMoreOrLessThanNothingIsRefusedAndChangesNothing() {
    append(3);
    BlockStatistics before = pool.statistics();
    for (int size : new int[] {-1, 4, Integer.MAX_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> table.truncate(size))
          .withMessageEndingWith("newNumBlocks=" + size);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> table.fork(size))
          .withMessageEndingWith("sharedBlocks=" + size);
    }
    assertThat(pool.statistics()).isEqualTo(before);
    assertThat(ids(table)).containsExactly(0, 1, 2);
  }

  @Test
  void aForkSharesTheFirstBlocksAndNothingElse() {
    append(5);
    BlockTable fork = table.fork(3);

    assertThat(ids(fork)).containsExactly(0, 1, 2);
    assertThat(pool.statistics().numShared()).isEqualTo(3);
    assertThat(pool.statistics().numReferences()).isEqualTo(8);
    fork.append(pool.allocate());
    assertThat(ids(fork)).containsExactly(0, 1, 2, 5);
    assertThat(ids(table)).containsExactly(0, 1, 2, 3, 4);
    assertThat(table.truncate(0)).as("what only the table had").isEqualTo(2);
    assertThat(fork.truncate(0)).isEqualTo(4);
    pool.checkConservation();
  }

  @Test
  void aForkOfNothingIsEmpty() {
    append(2);
    BlockTable fork = table.fork(0);

    assertThat(fork.numBlocks()).isZero();
    assertThat(pool.statistics().numShared()).isZero();
  }

  @Test
  void replacingTheLastBlockSwapsReferencesAndCountsNone() {
    append(2);
    long copy = pool.allocate();
    BlockStatistics before = pool.statistics();
    long replaced = table.replaceLast(copy);

    assertThat(BlockHandle.blockId(replaced)).isEqualTo(1);
    assertThat(ids(table)).containsExactly(0, 2);
    assertThat(pool.statistics()).isEqualTo(before);
    pool.release(replaced);
    table.truncate(0);
    pool.close();
  }

  @Test
  void replacingTheLastOfNoBlocksIsRefused() {
    long copy = pool.allocate();
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> table.replaceLast(copy));
    assertThat(table.numBlocks()).isZero();
  }

  @Test
  void roomIsMadeOnceAndForTheAsking() {
    table.ensureRoom(1000);
    append(16);

    assertThat(ids(table)).hasSize(16);
    table.ensureRoom(1);
    assertThat(ids(table)).hasSize(16);
  }

  @Test
  void aTableWhoseBlocksAreGoneFailsToTruncateAndStaysAsItIs() {
    append(3);
    pool.release(table.handle(1)); // behind the table's back
    assertThatIllegalStateException().isThrownBy(() -> table.truncate(0));

    assertThat(table.numBlocks()).isEqualTo(3);
    assertThat(pool.numFree()).isEqualTo(14);
    assertThatIllegalStateException().isThrownBy(() -> table.fork(3));
    assertThat(pool.statistics().numShared()).isZero();
  }
}
