package dev.pagoda.internal.kernel;

import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.internal.simd.VectorKernels;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A row's result depends on its query and on the keys and values it sees, and on nothing else. */
@Tag("vector-width")
class ReproducibilityTest {
  static Stream<Kernels> kernels() {
    return Stream.of(new ScalarKernels(), VectorKernels.create());
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void whatUnownedSlotsHoldDoesNotMatter(Kernels kernels) {
    over(everyShape(20_000), shape -> AttentionChecks.ignoresUnownedSlots(kernels, shape));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void whereBlocksLieDoesNotMatter(Kernels kernels) {
    over(everyShape(30_000), shape -> AttentionChecks.ignoresPlacement(kernels, shape));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void whoElseIsInTheBatchDoesNotMatter(Kernels kernels) {
    over(everyShape(40_000), shape -> AttentionChecks.ignoresTheBatch(kernels, shape));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void howHeadsAreSplitDoesNotMatter(Kernels kernels) {
    over(everyShape(50_000), shape -> AttentionChecks.ignoresHeadRanges(kernels, shape));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void howAPromptIsCutDoesNotMatter(Kernels kernels) {
    Stream<AttentionCase> causal = everyShape(60_000).filter(shape -> shape.spec().mask().causal());
    over(Stream.concat(causal, prompts()), shape -> AttentionChecks.ignoresChunks(kernels, shape));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void rowsAndHeadsNotAskedForAreNotWritten(Kernels kernels) {
    over(everyShape(70_000), shape -> AttentionChecks.writesOnlyWhatItIsAskedFor(kernels, shape));
  }

  private static Stream<AttentionCase> everyShape(long firstSeed) {
    return Stream.concat(AttentionCases.awkward().stream(), AttentionCases.random(firstSeed, 200));
  }

  /** Prompts that are longer than a tile of any kernel. */
  private static Stream<AttentionCase> prompts() {
    return List.of(
        new AttentionCase(1).heads(2, 1).sequence(150, 150),
        new AttentionCase(2).heads(1, 7).headDim(80).sequence(100, 170).blockSize(5),
        new AttentionCase(3).heads(1, 4).mask(AttentionMask.slidingWindow(70)).sequence(140, 140))
        .stream();
  }

  private static void over(Stream<AttentionCase> shapes, Consumer<AttentionCase> check) {
    shapes.forEach(check);
  }
}
