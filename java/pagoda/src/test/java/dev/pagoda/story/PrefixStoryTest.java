package dev.pagoda.story;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.ModelRun;
import dev.pagoda.Shrinking;
import dev.pagoda.prefix.PrefixStories.Faults;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Random operations on small caches with a prefix cache, against a naive reference: 10^6 of them
 * unless {@code dev.pagoda.test.operations} says otherwise. A failure tells the fewest operations
 * that still fail.
 */
class PrefixStoryTest {
  static final int OPERATIONS_PER_EPISODE = 2_000;
  private static final int SHRINK_TRIES = 2_000;

  /** Who takes part; operations inside an open step are the first one's. */
  static final List<Concern> CONCERNS =
      List.of(new Prefixing(), new Sharing(), new Stepping(PrefixStoryTest::meanwhile));

  private static final List<Concern.Weighted> OPERATIONS =
      CONCERNS.stream().flatMap(concern -> concern.operations().stream()).toList();

  private static void meanwhile(StoryWorld world) {
    List<Concern.Weighted> some = new ArrayList<>(CONCERNS.get(0).operations());
    some.addAll(CONCERNS.get(1).operations());
    pick(some, world.random).operation().perform(world);
  }

  private static Concern.Weighted pick(List<Concern.Weighted> from, SplittableRandom random) {
    int rest = random.nextInt(from.stream().mapToInt(Concern.Weighted::weight).sum());
    for (Concern.Weighted operation : from) {
      rest -= operation.weight();
      if (rest < 0) {
        return operation;
      }
    }
    throw new AssertionError("rest=" + rest);
  }

  /** An operation and the seed of all its choices, so that a script makes sense without others. */
  record Line(Concern.Weighted operation, long seed) {
    @Override
    public String toString() {
      return operation.name() + " " + Long.toHexString(seed);
    }
  }

  static List<Line> script(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Line> script = new ArrayList<>(length);
    for (int i = 0; i < length; i++) {
      script.add(new Line(pick(OPERATIONS, random), random.nextLong()));
    }
    return script;
  }

  /** The first disagreement, and when. */
  static final class Failure extends AssertionError {
    private static final long serialVersionUID = 1L;

    final int line;

    Failure(int line, Throwable cause) {
      super(cause.toString(), cause);
      this.line = line;
    }
  }

  static void play(long seed, List<Line> script, Faults faults) {
    int line = 0;
    try (StoryWorld world = new StoryWorld(seed, faults)) {
      try {
        for (; line < script.size(); line++) {
          world.random = new SplittableRandom(script.get(line).seed());
          script.get(line).operation().operation().perform(world);
          world.check();
        }
        CONCERNS.forEach(concern -> concern.end(world));
        world.end();
      } catch (RuntimeException | AssertionError failure) {
        throw new Failure(line, failure);
      }
    }
  }

  static long episode(long seed, int numOperations, Faults faults) {
    List<Line> script = script(seed, numOperations);
    try {
      play(seed, script, faults);
      return script.size();
    } catch (Failure failure) {
      List<Line> failing = script.subList(0, Math.min(failure.line + 1, script.size()));
      List<Line> shortest =
          Shrinking.shrink(failing, some -> fails(seed, some, faults), SHRINK_TRIES);
      throw new ShrunkFailure(failure, shortest, seed);
    }
  }

  /** A failure and the few operations that lead to it. */
  static final class ShrunkFailure extends AssertionError {
    private static final long serialVersionUID = 1L;

    final int numOperations;

    ShrunkFailure(Failure failure, List<Line> shortest, long seed) {
      super(failure.getMessage() + ", seed=" + seed + ", shortest=" + shortest, failure);
      numOperations = shortest.size();
    }
  }

  private static boolean fails(long seed, List<Line> script, Faults faults) {
    try {
      play(seed, script, faults);
      return false;
    } catch (Failure failure) {
      return true;
    }
  }

  @Test
  void aPrefixCacheAgreesWithTheReference() {
    ModelRun.announced("PrefixStoryTest")
        .run(seed -> episode(seed, OPERATIONS_PER_EPISODE, Faults.NONE));
  }

  @Test
  void storiesReachEverythingWorthReaching() {
    Map<String, Long> reached = new TreeMap<>();
    for (long seed = 1; seed <= 20; seed++) {
      try (StoryWorld world = new StoryWorld(seed, Faults.NONE)) {
        for (Line line : script(seed, 2_000)) {
          world.random = new SplittableRandom(line.seed());
          line.operation().operation().perform(world);
        }
        var statistics = world.prefixes.statistics();
        reached.merge("cached", statistics.cachedTokens(), Long::sum);
        reached.merge("returned", statistics.returnedTokens(), Long::sum);
        reached.merge("heads", statistics.headTokens(), Long::sum);
        reached.merge("published", statistics.publishedTokens(), Long::sum);
        reached.merge("duplicates", statistics.numDuplicates(), Long::sum);
        reached.merge("quota", statistics.numQuotaRefusals(), Long::sum);
        statistics.misses().forEach((why, count) -> reached.merge("miss " + why, count, Long::sum));
        statistics
            .removals()
            .forEach((why, count) -> reached.merge("removal " + why, count, Long::sum));
        reached.merge("copies", world.cache.statistics().numBlockCopies(), Long::sum);
        reached.merge("refusals", world.cache.statistics().blocks().numRefusals(), Long::sum);
        world.end();
      }
    }
    reached.remove("removal NONE");
    assertThat(reached).allSatisfy((what, count) -> assertThat(count).as(what).isPositive());
  }
}
