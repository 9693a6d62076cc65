package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HeadRangeTest {
  @ParameterizedTest
  @CsvSource({"0,0", "1,1", "2,1", "-1,1", "-2,-1", "0,-1", "2147483647,-2147483648"})
  void anEmptyOrNegativeRangeIsRefused(int first, int end) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new HeadRange(first, end))
        .withMessageEndingWith("first=" + first + ", end=" + end);
  }

  @Test
  void aRangeEndsAtTheLastHeadAtTheLatest() {
    HeadRange range = new HeadRange(1, 3);
    assertThatCode(() -> range.requireWithin(3)).doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> range.requireWithin(2))
        .withMessageEndingWith("numKvHeads=2, first=1, end=3");
  }
}
