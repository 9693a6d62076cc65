package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A row's result depends on its query and on the keys and values it sees, and on nothing else. */
@Tag("vector-width")
class VectorReproducibilityTest {
  private static final Kernels VECTOR = VectorKernels.create();
  private static final int RANDOM_SHAPES = Integer.getInteger("dev.pagoda.test.shapes", 300);

  @Test
  void whatUnownedSlotsHoldDoesNotMatter() {
    AttentionCases.awkwardAndRandom(20_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresUnownedSlots(VECTOR, shape));
  }

  @Test
  void whereBlocksLieDoesNotMatter() {
    AttentionCases.awkwardAndRandom(30_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresPlacement(VECTOR, shape));
  }

  @Test
  void whoElseIsInTheBatchDoesNotMatter() {
    AttentionCases.awkwardAndRandom(40_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresTheBatch(VECTOR, shape));
  }

  @Test
  void howHeadsAreSplitDoesNotMatter() {
    AttentionCases.awkwardAndRandom(50_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresHeadRanges(VECTOR, shape));
  }

  @Test
  void howAPromptIsCutDoesNotMatter() {
    AttentionCases.prompts(60_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.ignoresChunks(VECTOR, shape));
  }

  @Test
  void rowsAndHeadsNotAskedForAreNotWritten() {
    AttentionCases.awkwardAndRandom(70_000, RANDOM_SHAPES)
        .forEach(shape -> AttentionChecks.writesOnlyWhatItIsAskedFor(VECTOR, shape));
  }

  @Test
  void howManyThreadsComputeDoesNotMatter() {
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Stream.concat(AttentionCases.longContexts(), AttentionCases.awkwardAndRandom(80_000, 100))
          .forEach(shape -> AttentionChecks.ignoresThreads(VECTOR, shape, threads));
    }
  }
}
