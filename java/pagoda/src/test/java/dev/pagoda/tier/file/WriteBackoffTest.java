package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WriteBackoffTest {
  private final WriteBackoff backoff = new WriteBackoff();

  private int numSkipped() {
    int count = 0;
    while (backoff.skips()) {
      count++;
    }
    return count;
  }

  @Test
  void eachFailureInARowSkipsTwiceAsManyOffersAndOneMore() {
    for (int expected : new int[] {0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1_023, 1_024, 1_024}) {
      backoff.failed();
      assertThat(numSkipped()).isEqualTo(expected);
    }
    for (int i = 0; i < 100; i++) {
      backoff.failed();
    }
    assertThat(numSkipped()).isEqualTo(1_024);
  }

  @Test
  void aWriteThatSucceedsForgetsTheFailuresBeforeIt() {
    backoff.failed();
    backoff.failed();
    backoff.succeeded();
    assertThat(numSkipped()).isEqualTo(1);
    backoff.failed();
    assertThat(numSkipped()).isZero();
  }
}
