package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.CacheStory.Failure;
import dev.pagoda.CacheStory.Surroundings;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * Random operations on small caches, against a naive reference: 10^6 of them unless {@code
 * dev.pagoda.test.operations} says otherwise. A failure tells the fewest operations that still
 * fail.
 */
class CacheModelTest {
  static final int OPERATIONS_PER_EPISODE = 4_000;
  private static final int SHRINK_TRIES = 2_000;

  @Test
  void aCacheAgreesWithTheReference() {
    ModelRun.announced("CacheModelTest")
        .run(seed -> episode(seed, OPERATIONS_PER_EPISODE, Surroundings.REAL));
  }

  /** One cache's story; if it fails, with the shortest one that does. */
  static long episode(long seed, int numOperations, Surroundings surroundings) {
    List<CacheOperation> script = CacheOperation.script(seed, numOperations);
    try {
      new CacheStory(seed, surroundings).play(script);
      return script.size();
    } catch (Failure failure) {
      List<CacheOperation> failing =
          script.subList(0, Math.min(failure.operation + 1, script.size()));
      List<CacheOperation> shortest =
          Shrinking.shrink(failing, some -> fails(seed, some, surroundings), SHRINK_TRIES);
      CacheStory story = new CacheStory(seed, surroundings);
      List<String> told = story.tell(shortest);
      throw new ShrunkFailure(failure, shortest.size(), story + "\n  " + String.join("\n  ", told));
    }
  }

  /** Plays short stories until one fails by a harm: what the first disagreement is called. */
  static void requireNo(String harm, int numSeeds, Surroundings surroundings) {
    for (long seed = 1; seed <= numSeeds; seed++) {
      try {
        new CacheStory(seed, surroundings).play(CacheOperation.script(seed, 1_000));
      } catch (Failure failure) {
        if (failure.getMessage().contains(harm)) {
          throw failure;
        }
      }
    }
  }

  private static boolean fails(long seed, List<CacheOperation> script, Surroundings surroundings) {
    try {
      new CacheStory(seed, surroundings).play(script);
      return false;
    } catch (Failure failure) {
      return true;
    }
  }

  /** A failure and the few operations that lead to it. */
  static final class ShrunkFailure extends AssertionError {
    private static final long serialVersionUID = 1L;

    final int numOperations;

    ShrunkFailure(Failure failure, int numOperations, String story) {
      super(
          failure.getMessage() + ", operation=" + failure.operation + "\nshortest: " + story,
          failure);
      this.numOperations = numOperations;
    }
  }

  @Test
  void theSameSeedTellsTheSameStory() {
    List<CacheOperation> script = CacheOperation.script(5, 500);
    List<String> once = new CacheStory(5, Surroundings.REAL).tell(script);
    List<String> again = new CacheStory(5, Surroundings.REAL).tell(script);

    assertThat(once).isEqualTo(again).hasSizeGreaterThan(300);
  }

  @Test
  void everyKindOfOperationHappens() {
    List<String> told = new CacheStory(9, Surroundings.REAL).tell(CacheOperation.script(9, 4_000));

    for (String beginning :
        List.of(
            "open #",
            "begin #",
            "refused step #",
            "commit #",
            "roll back #",
            "fork #",
            "truncate #",
            "close #",
            "park #",
            "park in vain",
            "unpark #",
            "unpark in vain",
            "unpark refused, one was closed",
            "unpark refused, too few blocks",
            "unpark empty [",
            "misuse: on the cache",
            "misuse: on idle #",
            "misuse: on held",
            "misuse: on closed",
            "misuse: with another",
            "misuse: on an idle step",
            "misuse: on an open step",
            "misuse: on a group",
            "misuse: on groups")) {
      String plain = beginning.replace("park #", "park [");
      assertThat(told).as(beginning).anyMatch(line -> line.startsWith(plain));
    }
  }

  @Test
  void shrinkingFindsTheFewElementsThatMatter() {
    List<Integer> numbers = java.util.stream.IntStream.range(0, 1_000).boxed().toList();
    AtomicLong tries = new AtomicLong();
    List<Integer> shortest =
        Shrinking.shrink(
            numbers,
            some -> {
              tries.incrementAndGet();
              return some.contains(3) && some.contains(500) && some.contains(999);
            },
            1_000);

    assertThat(shortest).containsExactly(3, 500, 999);
    assertThat(tries.get()).isLessThan(200);
  }
}
