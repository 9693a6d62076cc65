package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.Backend;
import dev.pagoda.lab.cli.AttendAnswer;
import dev.pagoda.lab.cli.AttendEngine;
import dev.pagoda.lab.cli.AttendOptions;
import dev.pagoda.lab.cli.AttendProblem;
import dev.pagoda.lab.cli.BackendChoice;
import dev.pagoda.lab.cli.Refusal;
import dev.pagoda.lab.safetensors.ElementType;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PagedAttendEngineTest {
  private static final int NUM_PROBLEMS = 60;

  /**
   * Scores of at most 250 keys, weights by FP32 exponentials within 2 ulp, ALiBi terms up to 200
   * (so that a score's own rounding is 2^-17): the output, an average of values below 5, is off by
   * less than 5 * 2 * 2^-16; the LSE by an ulp of its size and the score's rounding.
   */
  private static final double TOLERANCE = 2e-4;

  /**
   * Tensor cores round queries and weights to the cache's type, in BF16 by 2^-9: an average of
   * values below 5 is off by less than 5 * 2 * 2^-9, and so is a score of less than 5.
   */
  private static final double CUDA_TOLERANCE = 2e-2;

  /** Whose bits are those of plain Java. */
  private static final BackendChoice BEST_CPU =
      Backend.VECTOR.unavailabilityReason().isEmpty() ? BackendChoice.VECTOR : BackendChoice.SCALAR;

  @ParameterizedTest
  @EnumSource(
      value = BackendChoice.class,
      names = {"SCALAR", "VECTOR", "CUDA"})
  void agreesWithFloat64OnRandomProblems(BackendChoice choice) {
    Optional<String> reason = Backend.named(choice.label()).unavailabilityReason();
    assumeTrue(reason.isEmpty(), () -> reason.orElse("") + ": backend=" + choice.label());
    double tolerance = choice == BackendChoice.CUDA ? CUDA_TOLERANCE : TOLERANCE;
    try (AttendEngine engine = PagedAttendEngine.open(new AttendOptions(choice, 2))) {
      for (long seed = 0; seed < NUM_PROBLEMS; seed++) {
        RandomProblem problem = RandomProblem.of(new Random(seed));
        problem.assertAnswers(engine, tolerance, "seed=" + seed + ", " + problem);
      }
    }
  }

  @Test
  void threadsBlockSizesAndCpuBackendsChangeNoBit() {
    for (long seed = 100; seed < 112; seed++) {
      RandomProblem problem = RandomProblem.of(new Random(seed));
      float[] expected = answer(problem.problem(), BackendChoice.SCALAR, 1);
      assertThat(answer(problem.problem(), BackendChoice.SCALAR, 3))
          .as("3 threads, seed=" + seed)
          .isEqualTo(expected);
      assertThat(answer(problem.withBlockSize(1), BEST_CPU, 1))
          .as("blocks of 1 on the best CPU backend, seed=" + seed)
          .isEqualTo(expected);
      assertThat(answer(problem.withBlockSize(256), BEST_CPU, 2))
          .as("blocks of 256 on the best CPU backend, seed=" + seed)
          .isEqualTo(expected);
    }
  }

  private static float[] answer(AttendProblem problem, BackendChoice choice, int numThreads) {
    try (AttendEngine engine = PagedAttendEngine.open(new AttendOptions(choice, numThreads))) {
      AttendAnswer answer = RandomProblem.roomFor(problem);
      engine.attend(problem, answer);
      return RandomProblem.floats(answer);
    }
  }

  @Test
  void sequencesWithoutQueriesAndWithoutTokensAreSkipped() {
    Random random = new Random(1);
    RandomProblem problem =
        RandomProblem.with(
            random,
            List.of(
                new AttendProblem.Lengths(0, 0),
                new AttendProblem.Lengths(0, 37),
                new AttendProblem.Lengths(3, 20),
                new AttendProblem.Lengths(0, 5)));
    try (AttendEngine engine = PagedAttendEngine.open(new AttendOptions(BackendChoice.SCALAR, 1))) {
      problem.assertAnswers(engine, TOLERANCE, "three queries among four sequences");
    }
  }

  @Test
  void answersNothingToNoQueries() {
    for (List<AttendProblem.Lengths> lengths :
        List.of(
            List.<AttendProblem.Lengths>of(),
            List.of(new AttendProblem.Lengths(0, 0)),
            List.of(new AttendProblem.Lengths(0, 12)))) {
      RandomProblem problem = RandomProblem.with(new Random(2), lengths);
      try (AttendEngine engine =
          PagedAttendEngine.open(new AttendOptions(BackendChoice.SCALAR, 1))) {
        problem.assertAnswers(engine, TOLERANCE, "no query");
      }
    }
  }

  @Test
  void refusesABackendThatCannotBeHad() {
    assumeTrue(
        Backend.CUDA.unavailabilityReason().isPresent(),
        "every backend can be had here, so none is refused: backend=cuda");
    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> PagedAttendEngine.open(new AttendOptions(BackendChoice.CUDA, 1)))
        .withMessageEndingWith("backend=cuda");
  }

  @Test
  void everyElementTypeOfTheFormatThatIsANumberOfTheCacheIsTaken() {
    for (ElementType type : List.of(ElementType.F32, ElementType.F16, ElementType.BF16)) {
      RandomProblem problem =
          RandomProblem.with(new Random(3), List.of(new AttendProblem.Lengths(2, 9)), type);
      try (AttendEngine engine = PagedAttendEngine.open(new AttendOptions(BEST_CPU, 1))) {
        problem.assertAnswers(engine, TOLERANCE, "type=" + type);
      }
    }
  }
}
