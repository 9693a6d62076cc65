package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionMaskTest {
  @ParameterizedTest
  @CsvSource({"true", "false"})
  void theVisibleRangeIsExactlyThePositionsThatTheRuleAdmits(boolean causal) {
    for (int windowTokens = 0; windowTokens <= 9; windowTokens++) {
      AttentionMask mask = new AttentionMask(causal, windowTokens);
      for (int contextLength = 1; contextLength <= 8; contextLength++) {
        for (int query = 0; query < contextLength; query++) {
          int first = mask.firstVisible(query);
          int end = mask.endVisible(query, contextLength);
          for (int key = 0; key < contextLength; key++) {
            boolean visible =
                (!causal || key <= query) && (windowTokens == 0 || key > query - windowTokens);
            assertThat(key >= first && key < end)
                .as("%s query=%d key=%d contextLength=%d", mask, query, key, contextLength)
                .isEqualTo(visible);
          }
          assertThat(first).isBetween(0, contextLength - 1);
          assertThat(end).isBetween(1, contextLength);
        }
      }
    }
  }

  @Test
  void extremeNumbersDoNotOverflow() {
    int last = Integer.MAX_VALUE - 1;
    AttentionMask all = AttentionMask.slidingWindow(Integer.MAX_VALUE);

    assertThat(all.firstVisible(0)).isZero();
    assertThat(all.firstVisible(last)).isZero();
    assertThat(all.endVisible(last, Integer.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
    assertThat(AttentionMask.slidingWindow(1).firstVisible(last)).isEqualTo(last);
    assertThat(AttentionMask.FULL.endVisible(0, Integer.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void aNegativeWindowIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AttentionMask.slidingWindow(-1))
        .withMessageEndingWith("windowTokens=-1");
  }
}
