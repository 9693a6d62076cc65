package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.OutOfBlocksException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PlannedWritersTest {
  private static final int NUM_BLOCKS = 8;
  private static final int BLOCK_SIZE = 4;

  @Test
  void theFirstEntryIsNotNobody() {
    PlannedWriters writers = new PlannedWriters(NUM_BLOCKS);
    assertThat(writers.of(3)).isEqualTo(-1);
    writers.set(3, 0);
    assertThat(writers.of(3)).isZero();
    writers.set(3, Integer.MAX_VALUE - 1);
    assertThat(writers.of(3)).isEqualTo(Integer.MAX_VALUE - 1);
    assertThat(writers.of(2)).isEqualTo(-1);
    assertThat(writers.of(4)).isEqualTo(-1);
    writers.clear(3);
    assertThat(writers.of(3)).isEqualTo(-1);
  }

  @Test
  void aBlockIsFoundByAnyHandleOfIt() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      KvSequence sequence = small.open(1);
      long handle = sequence.table.handle(0);
      PlannedWriters writers = new PlannedWriters(NUM_BLOCKS);
      writers.set(handle, 5);
      assertThat(writers.of(BlockHandle.blockId(handle))).isEqualTo(5);
      assertThat(writers.of(handle)).isEqualTo(5);
      small.requireNothingLeaks();
    }
  }

  private static void requireEmpty(PagedKvCache cache) {
    assertThat(IntStream.range(0, NUM_BLOCKS).map(cache.plannedWriters()::of))
        .as("writers between two plans")
        .containsOnly(-1);
  }

  /** Three that share a partly filled block, and one that shares it as a shorter fork. */
  private static List<KvSequence> sharers(SmallCache small) {
    KvSequence first = small.open(6);
    return List.of(first, small.fork(first), small.fork(first), small.fork(first, 5));
  }

  private static Growth[] oneEach(List<KvSequence> sequences) {
    return sequences.stream().map(sequence -> Growth.of(sequence, 1)).toArray(Growth[]::new);
  }

  @Test
  void nobodyIsLeftBetweenTwoPlansHoweverTheyEnd() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      List<KvSequence> sharers = sharers(small);
      Begun begun = small.begin(oneEach(sharers));
      requireEmpty(small.cache);
      begun.step.close();
      requireEmpty(small.cache);

      KvSequence squatter = small.open(4 * BLOCK_SIZE); // of the six that are left
      assertThatExceptionOfType(OutOfBlocksException.class)
          .isThrownBy(() -> small.begin(oneEach(sharers)));
      requireEmpty(small.cache);
      assertThatIllegalStateException()
          .isThrownBy(
              () -> small.begin(Growth.of(sharers.get(0), 1), Growth.of(sharers.get(0), 1)));
      requireEmpty(small.cache);
      small.close(squatter);

      long before = small.numCopies();
      small.grow(oneEach(sharers));
      requireEmpty(small.cache);
      assertThat(small.numCopies() - before).as("one less than sharers").isEqualTo(3);
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  @Test
  void oneThatIsLeftIsFound() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      KvSequence sequence = small.open(6);
      small.cache.plannedWriters().set(sequence.table.handle(1), 2);
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(() -> requireEmpty(small.cache))
          .withMessageContaining("writers between two plans");
      small.cache.plannedWriters().clear(sequence.table.handle(1));
      requireEmpty(small.cache);
      small.requireNothingLeaks();
    }
  }
}
