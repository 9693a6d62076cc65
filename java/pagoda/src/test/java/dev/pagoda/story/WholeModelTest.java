package dev.pagoda.story;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.pagoda.CopyFaults;
import dev.pagoda.ModelRun;
import dev.pagoda.Shrinking;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.PrefixStories.Faults;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random operations on small caches with everything that goes with them, against a naive reference:
 * forks, steps, beams, the prefix cache, promises, preemption, swap space, tiers, files, restarts,
 * and copies and file calls that fail. 10^6 of them unless {@code dev.pagoda.test.operations} says
 * otherwise. A failure tells the fewest operations that still fail.
 */
class WholeModelTest {
  static final int OPERATIONS_PER_EPISODE = 2_000;
  private static final int SHRINK_TRIES = 2_000;

  /** So many reach every outcome, whatever the seed. */
  private static final long OPERATIONS_THAT_REACH_ALL = 1_000_000;

  /** What happens inside open steps too. */
  private static final List<Concern> MEANWHILE =
      List.of(
          new Prefixing(),
          new Sharing(),
          new Promising(),
          new Leaving(),
          new Saving(),
          new Pressing());

  /** Who takes part. */
  static final List<Concern> CONCERNS =
      Stream.concat(
              MEANWHILE.stream(),
              Stream.of(
                  new Stepping(world ->
                      pick(operations(MEANWHILE), world.choices::nextInt)
                          .operation()
                          .perform(world)),
                  new Decoding(),
                  new Restarting(WholeModelTest::settle)))
          .toList();

  private static final List<Concern.Weighted> OPERATIONS = operations(CONCERNS);

  private static List<Concern.Weighted> operations(List<Concern> concerns) {
    return concerns.stream().flatMap(concern -> concern.operations().stream()).toList();
  }

  private static Concern.Weighted pick(List<Concern.Weighted> from, IntUnaryOperator choice) {
    int rest = choice.applyAsInt(from.stream().mapToInt(Concern.Weighted::weight).sum());
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
      script.add(new Line(pick(OPERATIONS, random::nextInt), random.nextLong()));
    }
    return script;
  }

  /** What a story is told with. */
  record Setting(Faults faults, CopyFaults copies, Outcomes outcomes, Comparison.Of compared) {
    Setting(Faults faults, CopyFaults copies, Outcomes outcomes) {
      this(faults, copies, outcomes, Comparison.Of.EVERYTHING);
    }

    static Setting of(Faults faults) {
      return new Setting(faults, new CopyFaults(), new Outcomes());
    }

    Setting withoutCounters() {
      return new Setting(faults, copies, outcomes, Comparison.Of.WHAT_REQUESTS_SEE);
    }
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

  static void play(long seed, List<Line> script, Setting setting) {
    int line = 0;
    try (StoryWorld world =
        new StoryWorld(seed, setting.faults, setting.copies, setting.outcomes, setting.compared)) {
      try {
        for (; line < script.size(); line++) {
          world.choices.from(script.get(line).seed());
          world.arm();
          script.get(line).operation().operation().perform(world);
          world.disarm();
          world.comparison.check();
        }
        settle(world);
        world.end();
      } catch (RuntimeException | AssertionError failure) {
        throw new Failure(line, failure);
      }
    }
  }

  /** Gives back what only the concerns know of. */
  private static void settle(StoryWorld world) {
    world.disarm();
    CONCERNS.forEach(concern -> concern.end(world));
    world.comparison.check();
  }

  static long episode(long seed, int numOperations, Setting setting) {
    List<Line> script = script(seed, numOperations);
    try {
      play(seed, script, setting);
      return script.size();
    } catch (Failure failure) {
      List<Line> failing = script.subList(0, Math.min(failure.line + 1, script.size()));
      List<Line> shortest =
          Shrinking.shrink(failing, some -> fails(seed, some, setting), SHRINK_TRIES);
      throw new ShrunkFailure(failure, shortest, seed);
    }
  }

  /** A failure and the few operations that lead to it. */
  static final class ShrunkFailure extends AssertionError {
    private static final long serialVersionUID = 1L;

    final int numOperations;

    ShrunkFailure(Failure failure, List<Line> shortest, long seed) {
      super(
          failure.getMessage()
              + ", seed="
              + seed
              + ", operation="
              + failure.line
              + ", shortest="
              + shortest,
          failure);
      numOperations = shortest.size();
    }
  }

  /** Brings blocks back in another order than they left in. */
  private static final class MixedUp extends CopyFaults {
    @Override
    protected int[] copiedIn(int[] sources, int count) {
      int[] mixed = sources.clone();
      if (count > 1) {
        mixed[0] = sources[1];
        mixed[1] = sources[0];
      }
      return mixed;
    }
  }

  @Test
  void contentThatComesBackMixedUpIsFound() {
    assertThatExceptionOfType(ShrunkFailure.class)
        .isThrownBy(() -> {
          for (long seed = 1; seed < 5; seed++) {
            Setting setting = new Setting(Faults.NONE, new MixedUp(), new Outcomes());
            var _ = episode(seed, OPERATIONS_PER_EPISODE, setting);
          }
        })
        .withMessageContaining("content=")
        .satisfies(found -> assertThat(found.numOperations).isLessThanOrEqualTo(20));
  }

  static Stream<Arguments> plantedFaults() {
    return Stream.of(
        arguments("host keeps nothing", PrefixStories.HOST_KEEPS_NOTHING),
        arguments("host gives up beginnings", PrefixStories.HOST_GIVES_UP_BEGINNINGS),
        arguments("disk keeps nothing", PrefixStories.DISK_KEEPS_NOTHING),
        arguments("disk gives up beginnings", PrefixStories.DISK_GIVES_UP_BEGINNINGS),
        arguments("disk writes at once", PrefixStories.DISK_WRITES_AT_ONCE),
        arguments("tenants not told apart", PrefixStories.TENANTS_NOT_TOLD_APART),
        arguments("victims stay away", PrefixStories.VICTIMS_STAY_AWAY),
        arguments("victims come back young", PrefixStories.VICTIMS_COME_BACK_YOUNG));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("plantedFaults")
  void aPlantedFaultIsFound(String name, Faults faults) {
    assertThatExceptionOfType(Failure.class)
        .as(name)
        .isThrownBy(() -> {
          for (long seed = 1; seed < 400; seed++) {
            play(seed, script(seed, OPERATIONS_PER_EPISODE), Setting.of(faults));
          }
        });
  }

  private static boolean fails(long seed, List<Line> script, Setting setting) {
    try {
      play(seed, script, setting);
      return false;
    } catch (Failure failure) {
      return true;
    }
  }

  @Test
  void everythingTogetherAgreesWithTheReference() {
    Outcomes outcomes = new Outcomes();
    Setting setting = new Setting(Faults.NONE, new CopyFaults(), outcomes);
    ModelRun run = ModelRun.announced("WholeModelTest");
    run.run(seed -> episode(seed, OPERATIONS_PER_EPISODE, setting));
    System.out.println("WholeModelTest: " + outcomes.counts());
    assertThat(Outcomes.ALL).containsAll(outcomes.counts().keySet());
    if (run.operations() >= OPERATIONS_THAT_REACH_ALL) {
      assertThat(outcomes.counts()).containsKeys(Outcomes.ALL.toArray(String[]::new));
    }
  }
}
