package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A row's result depends on its query and on the keys and values it sees, and on nothing else. */
class ScalarReproducibilityTest {
  private static final Kernels SCALAR = new ScalarKernels();
  private static final int RANDOM_SHAPES = Integer.getInteger("dev.pagoda.test.shapes", 50);

  @Test
  void whatUnownedSlotsHoldDoesNotMatter() {
    AttentionCases.awkwardAndRandom(20_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresUnownedSlots(SCALAR, shape));
  }

  @Test
  void whereBlocksLieDoesNotMatter() {
    AttentionCases.awkwardAndRandom(30_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresPlacement(SCALAR, shape));
  }

  @Test
  void whoElseIsInTheBatchDoesNotMatter() {
    AttentionCases.awkwardAndRandom(40_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresTheBatch(SCALAR, shape));
  }

  @Test
  void howHeadsAreSplitDoesNotMatter() {
    AttentionCases.awkwardAndRandom(50_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresHeadRanges(SCALAR, shape));
  }

  @Test
  void howAPromptIsCutDoesNotMatter() {
    AttentionCases.prompts(60_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresChunks(SCALAR, shape));
  }

  @Test
  void rowsAndHeadsNotAskedForAreNotWritten() {
    AttentionCases.awkwardAndRandom(70_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.writesOnlyWhatItIsAskedFor(SCALAR, shape));
  }

  @Test
  void howManyThreadsComputeDoesNotMatter() {
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Stream.concat(AttentionCases.longContexts(), AttentionCases.awkwardAndRandom(80_000, 100))
          .forEach(shape -> AttentionChecks.ignoresThreads(SCALAR, shape, threads));
    }
  }
}
