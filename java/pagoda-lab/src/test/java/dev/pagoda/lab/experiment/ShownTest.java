package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ShownTest {
  @Test
  void numbersReadAsPeopleWriteThem() {
    assertThat(Shown.percent(0.5249)).isEqualTo("52.5 %");
    assertThat(Shown.times(1.234)).isEqualTo("1.23 times");
    assertThat(Shown.times(12.34)).isEqualTo("12.3 times");
    assertThat(Shown.times(1234.4)).isEqualTo("1,234 times");
    assertThat(Shown.count(15_700)).isEqualTo("15,700");
    assertThat(Shown.scientific(1.76e-7)).isEqualTo("1.8e-7");
    assertThat(Shown.scientific(0)).isEqualTo("0");
    assertThat(Shown.time(73)).isEqualTo("73 ns");
    assertThat(Shown.time(1_500)).isEqualTo("1.5 µs");
    assertThat(Shown.time(73_000)).isEqualTo("73 µs");
    assertThat(Shown.time(2_150_000)).isEqualTo("2.15 ms");
    assertThat(Shown.time(2_150_000_000.0)).isEqualTo("2.15 s");
  }
}
