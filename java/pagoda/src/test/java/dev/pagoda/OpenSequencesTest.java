package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OpenSequencesTest {
  private static final int NUM_BLOCKS = 24;
  private static final int BLOCK_SIZE = 4;
  private static final int NUM_OPERATIONS = 3_000;

  /** Just those, each where it says it is, and the tokens of those that are here. */
  private static void requireJust(List<KvSequence> expected, PagedKvCache cache, String where) {
    OpenSequences sequences = cache.sequences();
    assertThat(sequences.all()).as(where).containsExactlyInAnyOrderElementsOf(expected);
    for (int i = 0; i < sequences.all().size(); i++) {
      assertThat(sequences.all().get(i).registryIndex).as("place, %s", where).isEqualTo(i);
    }
    long numTokens =
        expected.stream()
            .filter(sequence -> sequence.state != KvSequence.State.PARKED)
            .mapToLong(KvSequence::length)
            .sum();
    assertThat(sequences.numTokens()).as("tokens, %s", where).isEqualTo(numTokens);
  }

  @Test
  void theyAreThoseThatWereOpenedAndNotClosedWhicheverWere() {
    long seed = Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
    SplittableRandom random = new SplittableRandom(seed);
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      List<KvSequence> open = new ArrayList<>();
      long lastId = -1;
      long numForks = 0;
      for (int i = 0; i < NUM_OPERATIONS; i++) {
        KvSequence any = open.isEmpty() ? small.open() : open.get(random.nextInt(open.size()));
        if (open.isEmpty()) {
          open.add(any);
        }
        switch (random.nextInt(5)) {
          case 0 -> open.add(small.open(small.numFree() > 2 ? random.nextInt(9) : 0));
          case 1 -> {
            open.add(small.fork(any, random.nextInt(any.length() + 1)));
            numForks++;
          }
          case 2 -> small.truncate(any, random.nextInt(any.length() + 1));
          default -> {
            small.close(any);
            open.remove(any);
          }
        }
        String where = "operation=" + i + ", seed=" + seed;
        requireJust(open, small.cache, where);
        assertThat(small.cache.sequences().numForks()).as(where).isEqualTo(numForks);
        lastId = Math.max(lastId, open.stream().mapToLong(KvSequence::id).max().orElse(-1));
      }
      assertThat(small.open().id())
          .as("no number is given twice, seed=%s", seed)
          .isGreaterThan(lastId);
      small.requireContent();
      small.requireNothingLeaks();
    }
  }

  @Test
  void aSequenceThatIsNotWhereItSaysIsFound() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      List<KvSequence> open = List.of(small.open(3), small.open(2), small.open(1));
      requireJust(open, small.cache, "as they are");
      open.getLast().registryIndex = 0; // as if it had moved
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(() -> requireJust(open, small.cache, "planted"))
          .withMessageContaining("place, planted");
      open.getLast().registryIndex = 2;
      small.cache.sequences().addTokens(1);
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(() -> requireJust(open, small.cache, "planted"))
          .withMessageContaining("tokens, planted");
      small.cache.sequences().addTokens(-1);
      small.requireNothingLeaks();
    }
  }

  @Test
  void parkedOnesAreThereWithoutTheirTokens() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      KvSequence stays = small.open(5);
      KvSequence leaves = small.open(7);
      ParkedGroup parked = small.cache.park(List.of(leaves), (storage, blockIds) -> {});
      requireJust(List.of(stays, leaves), small.cache, "parked");
      assertThat(small.cache.sequences().numTokens()).isEqualTo(5);
      assertThatIllegalStateException()
          .isThrownBy(() -> leaves.truncate(1))
          .withMessageContaining("is parked")
          .withMessageContaining("id=" + leaves.id());
      parked.sequences().getFirst().close();
      requireJust(List.of(stays), small.cache, "closed while parked");
      assertThat(small.cache.sequences().numTokens()).isEqualTo(5);
      stays.close();
      assertThat(small.numFree()).isEqualTo(NUM_BLOCKS);
      small.cache.checkConservation();
    }
  }

  @Test
  void allAreClosedOrNone() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      KvSequence busy = small.open(5);
      KvSequence idle = small.fork(busy); // the one that would go first
      Begun begun = small.begin(Growth.of(busy, 1));
      assertThatIllegalStateException()
          .isThrownBy(small.cache.sequences()::closeAll)
          .withMessageContaining("in a step")
          .withMessageContaining("id=" + busy.id());
      requireJust(List.of(idle, busy), small.cache, "a step has one");
      begun.write().commit();
      small.requireContent();
      small.cache.sequences().closeAll();
      requireJust(List.of(), small.cache, "closed");
      assertThat(idle.isClosed() && busy.isClosed()).isTrue();
      assertThat(small.numFree()).isEqualTo(NUM_BLOCKS);
      small.cache.checkConservation();
    }
  }

  @Test
  void whatCannotBeTakenOverChangesNothing() {
    try (SmallCache small = new SmallCache(NUM_BLOCKS, BLOCK_SIZE);
        SmallCache elsewhere = new SmallCache(NUM_BLOCKS, BLOCK_SIZE)) {
      KvSequence source = small.open(10);
      KvSequence partial = small.fork(source, 5);
      KvSequence otherTokens = small.open(4);
      KvSequence empty = small.open();
      KvSequence closed = small.open(1);
      small.close(closed);
      KvSequence foreign = elsewhere.open(8);
      SmallCache.Snapshot before = small.snapshot();

      assertThatIllegalArgumentException()
          .isThrownBy(() -> empty.shareFrom(source, 11))
          .withMessageEndingWith("asked=11");
      assertThatIllegalArgumentException().isThrownBy(() -> empty.shareFrom(source, -1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> empty.shareFrom(foreign, 8))
          .withMessageContaining("another cache");
      assertThatIllegalStateException()
          .isThrownBy(() -> partial.shareFrom(source, 10))
          .withMessageContaining("id=" + partial.id());
      assertThatIllegalStateException()
          .isThrownBy(() -> otherTokens.shareFrom(source, 10))
          .withMessageContaining("other tokens")
          .withMessageContaining("id=" + otherTokens.id());
      assertThatIllegalStateException().isThrownBy(() -> source.shareFrom(partial, 5));
      assertThatIllegalStateException()
          .isThrownBy(() -> closed.shareFrom(source, 8))
          .withMessageContaining("is closed");
      assertThatIllegalStateException().isThrownBy(() -> empty.shareFrom(closed, 0));
      assertThat(small.snapshot()).isEqualTo(before);

      KvSequence first = small.fork(source, 8);
      first.shareFrom(first, 8); // of itself, which is nothing
      assertThat(first.length()).isEqualTo(8);
      small.requireContent();
      first.shareFrom(source, 10);
      assertThat(first.blockIds()).containsExactly(source.blockIds());
      requireJust(List.of(source, partial, otherTokens, empty, first), small.cache, "taken over");
    }
  }
}
