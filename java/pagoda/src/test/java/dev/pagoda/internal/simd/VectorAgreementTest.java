package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The vector kernels against the scalar ones: the same bits, at whatever width this JVM has. */
@Tag("vector-width")
class VectorAgreementTest {
  private static final Kernels SCALAR = new ScalarKernels();
  private static final Kernels VECTOR = VectorKernels.create();

  static List<AttentionCase> awkward() {
    return AttentionCases.awkward();
  }

  @ParameterizedTest
  @MethodSource("awkward")
  void equalsScalarToTheBitOverAwkwardShapes(AttentionCase shape) {
    AttentionChecks.agreesToTheBit(VECTOR, SCALAR, shape);
  }

  @Test
  void equalsScalarToTheBitOverRandomShapes() {
    AttentionCases.random(10_000, 3_000)
        .forEach(shape -> AttentionChecks.agreesToTheBit(VECTOR, SCALAR, shape));
  }

  @Test
  void equalsScalarToTheBitOverNanInfinityAndTheLike() {
    AttentionCases.random(15_000, 500)
        .map(shape -> shape.specialNumberIn(100))
        .forEach(shape -> AttentionChecks.agreesToTheBit(VECTOR, SCALAR, shape));
  }

  /** Kernels for FP16 widen finite numbers alone, and notice the others. */
  @Test
  void equalsScalarToTheBitWhereOneTileOfManyHasSuchANumber() {
    AttentionCases.random(16_000, 500)
        .map(shape -> shape.specialNumberIn(5_000))
        .forEach(shape -> AttentionChecks.agreesToTheBit(VECTOR, SCALAR, shape));
  }

  @Test
  void equalsScalarToTheBitOverLongContexts() {
    AttentionCases.longContexts()
        .forEach(shape -> AttentionChecks.agreesToTheBit(VECTOR, SCALAR, shape));
  }
}
