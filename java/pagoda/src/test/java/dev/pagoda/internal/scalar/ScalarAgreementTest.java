package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The scalar kernels against a float64 computation that shares nothing with them. */
class ScalarAgreementTest {
  private static final Kernels SCALAR = new ScalarKernels();

  static List<AttentionCase> awkward() {
    return AttentionCases.awkward();
  }

  @ParameterizedTest
  @MethodSource("awkward")
  void agreesWithFloat64OverAwkwardShapes(AttentionCase shape) {
    AttentionChecks.agreesWithFloat64(SCALAR, shape);
  }

  @Test
  void agreesWithFloat64OverRandomShapes() {
    AttentionCases.random(1, 500)
        .forEach(shape -> AttentionChecks.agreesWithFloat64(SCALAR, shape));
  }
}
