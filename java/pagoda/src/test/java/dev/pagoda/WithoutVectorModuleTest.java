package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A JVM started without {@code --add-modules}: the build runs this class in one of its own. */
@Tag("no-vector-module")
class WithoutVectorModuleTest {

  private static final String CURE = "--add-modules jdk.incubator.vector";

  @BeforeAll
  static void theJvmHasNoVectorModule() {
    assertThat(ModuleLayer.boot().findModule("jdk.incubator.vector")).isEmpty();
  }

  @Test
  void theBestBackendIsTheScalarOneUnlessThereIsADevice() {
    boolean hasDevice = Backend.CUDA.unavailabilityReason().isEmpty();
    assertThat(Backend.best()).isEqualTo(hasDevice ? Backend.CUDA : Backend.SCALAR);
  }

  @Test
  void theVectorBackendSaysWhichOptionIsMissing() {
    assertThat(Backend.VECTOR.unavailabilityReason()).get().asString().contains(CURE);
  }

  @Test
  void theVectorBackendAskedForByNameIsRefusedWithTheReason() {
    KvShape shape = KvShape.uniform(1, 1, 8, DType.FP32);

    assertThatThrownBy(
            () -> PagedKvCache.open(shape, Backend.VECTOR, Capacity.bytes(1 << 20)).close())
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessageContaining(CURE);
  }

  @Test
  void attentionWorks() {
    int tokens = 20;
    int elements = 8;
    KvShape shape = KvShape.uniform(1, 1, elements, DType.FP32);
    float[] ones = new float[tokens * elements];
    Arrays.fill(ones, 1f);
    float[] output = new float[tokens * elements];

    try (PagedKvCache cache = PagedKvCache.open(shape, Backend.best(), Capacity.bytes(1 << 20));
        KvSequence sequence = cache.newSequence();
        Step step = cache.newStep()) {
      step.append(sequence, tokens).begin();
      step.write(0, Rows.of(ones), Rows.of(ones));
      step.attend(0, AttentionSpec.causal(1, 0.125f), Rows.of(ones), Rows.of(output));
      step.commit();
    }

    assertThat(output).containsOnly(1f);
  }
}
