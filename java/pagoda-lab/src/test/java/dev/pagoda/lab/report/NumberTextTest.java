package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NumberTextTest {
  @Test
  void exactTextReadsBackAsTheSameNumber() {
    for (double value : new double[] {0, -1, 16, 1e14, 1e300, 0.1, 1.0 / 3, 4.9e-324, -2.5e-7}) {
      assertThat(Double.parseDouble(NumberText.exact(value))).isEqualTo(value);
    }
    assertThat(NumberText.exact(16)).isEqualTo("16");
    assertThat(NumberText.exact(0.25)).isEqualTo("0.25");
  }

  @Test
  void fixedGroupsThousandsAndHasNoMinusZero() {
    assertThat(NumberText.fixed(12288.25, 1)).isEqualTo("12,288.3");
    assertThat(NumberText.fixed(-0.04, 1)).isEqualTo("0.0");
    assertThat(NumberText.fixed(-0.06, 1)).isEqualTo("-0.1");
    assertThat(NumberText.fixed(Double.NEGATIVE_INFINITY, 1)).isEqualTo("-∞");
    assertThat(NumberText.fixed(Double.NaN, 1)).isEqualTo("NaN");
  }

  @Test
  void significantKeepsDigitsAtAnySize() {
    assertThat(NumberText.significant(1234567, 3)).isEqualTo("1,230,000");
    assertThat(NumberText.significant(12.345, 3)).isEqualTo("12.3");
    assertThat(NumberText.significant(0.0012345, 3)).isEqualTo("0.00123");
    assertThat(NumberText.significant(1.21e-7, 3)).isEqualTo("1.21e-7");
    assertThat(NumberText.significant(2.5e12, 2)).isEqualTo("2.5e12");
    assertThat(NumberText.significant(0, 3)).isEqualTo("0");
    assertThat(NumberText.significant(-42, 3)).isEqualTo("-42.0");
    assertThat(NumberText.significant(0.5, 3)).isEqualTo("0.500");
    assertThat(NumberText.significant(9.999, 3)).isEqualTo("10.0");
  }

  @Test
  void labelsAreShort() {
    assertThat(NumberText.label(19, 3)).isEqualTo("19");
    assertThat(NumberText.label(1234, 3)).isEqualTo("1,234");
    assertThat(NumberText.label(19.25, 3)).isEqualTo("19.3");
    assertThat(NumberText.label(-0.0, 3)).isEqualTo("0");
    assertThat(NumberText.label(96.3, 4)).isEqualTo("96.3");
    assertThat(NumberText.label(99.96, 3)).isEqualTo("100");
    assertThat(NumberText.label(1.5e-7, 3)).isEqualTo("1.50e-7");
  }

  @Test
  void ticksCarryNoDigitTooMany() {
    assertThat(NumberText.tick(0)).isEqualTo("0");
    assertThat(NumberText.tick(2.5)).isEqualTo("2.5");
    assertThat(NumberText.tick(-20)).isEqualTo("-20");
    assertThat(NumberText.tick(16384)).isEqualTo("16,384");
    assertThat(NumberText.tick(0.001)).isEqualTo("0.001");
    assertThat(NumberText.tick(1e-7)).isEqualTo("1e-7");
    assertThat(NumberText.tick(2.5e-10)).isEqualTo("2.5e-10");
    assertThat(NumberText.tick(1e10)).isEqualTo("1e10");
  }
}
