package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.pagoda.memory.Rows;
import org.junit.jupiter.api.Test;

class WorkersTest {
  @Test
  void theCallingThreadCountsSoThereIsAtLeastOne() {
    for (int numThreads : new int[] {0, -1, Integer.MIN_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Workers(Runnable::run, numThreads))
          .withMessageEndingWith("numThreads=" + numThreads);
    }
    assertThat(Workers.caller().numThreads()).isEqualTo(1);
    assertThatNullPointerException().isThrownBy(() -> new Workers(null, 1));
  }

  @Test
  void rowsOfACallAreAllThereOrSaidToBeNone() {
    Rows rows = Rows.of(new float[1]);
    assertThat(AttentionRows.of(rows, rows).lse()).isSameAs(Rows.none());
    assertThatNullPointerException().isThrownBy(() -> new AttentionRows(null, rows, rows));
    assertThatNullPointerException().isThrownBy(() -> new AttentionRows(rows, null, rows));
    assertThatNullPointerException().isThrownBy(() -> new AttentionRows(rows, rows, null));
  }
}
