package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PrimingTest {
  private static final AttentionSpec SPEC = AttentionSpec.causal(4, 0.2f);

  /** Seconds where nothing else runs; a busy machine's compiler takes its time. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static PagedKvCache open(Backend backend, DType dtype) {
    return PagedKvCache.open(KvShape.uniform(3, 2, 32, dtype), backend, Capacity.blocks(4));
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void endsWithRoundsThatAreFasterThanTheFirst(DType dtype) {
    try (PagedKvCache cache = open(Backend.VECTOR, dtype)) {
      Priming priming = cache.prime(SPEC, PATIENCE);
      assertThat(priming.isSteady()).isTrue();
      assertThat(priming.rounds()).isGreaterThan(1);
      assertThat(priming.taken()).isLessThan(PATIENCE);
    }
  }

  @Test
  void keepsToItsBudget() {
    try (PagedKvCache cache = open(Backend.SCALAR, DType.FP32)) {
      Priming priming = cache.prime(SPEC, Duration.ZERO);
      assertThat(priming.rounds()).isEqualTo(1);
      assertThat(priming.isSteady()).isFalse();
    }
  }

  @Test
  void touchesNothingOfTheCache() {
    try (PagedKvCache cache = open(Backend.SCALAR, DType.FP32);
        KvSequence sequence = cache.newSequence()) {
      CacheStatistics before = cache.statistics();
      cache.prime(SPEC, Duration.ZERO);
      assertThat(cache.statistics()).isEqualTo(before);
      assertThat(sequence.length()).isZero();
    }
  }

  @Test
  void headsThatDoNotDivideAreRefused() {
    try (PagedKvCache cache = open(Backend.SCALAR, DType.FP32)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> cache.prime(AttentionSpec.causal(3, 1f), Duration.ZERO));
    }
  }
}
