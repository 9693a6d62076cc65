package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TicksTest {
  @Test
  void linearTicksAreRoundNumbers() {
    assertThat(Ticks.linear(0.2, 95.8, 6).values())
        .containsExactly(0.0, 20.0, 40.0, 60.0, 80.0, 100.0);
    assertThat(Ticks.linear(0.1, 0.32, 5).values()).containsExactly(0.0, 0.1, 0.2, 0.3, 0.4);
    assertThat(Ticks.linear(-3, 7, 6).values())
        .containsExactly(-4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0);
  }

  @Test
  void anAxisFarFromZeroDoesNotBeginThere() {
    assertThat(Ticks.linear(96, 99, 4).values()).containsExactly(96.0, 97.0, 98.0, 99.0);
    assertThat(Ticks.linear(-99, -96, 4).values()).containsExactly(-99.0, -98.0, -97.0, -96.0);
  }

  @Test
  void logarithmicTicksArePowersThinnedToFit() {
    assertThat(Ticks.of(Axis.log2("", ""), List.of(1.0, 256.0), 11).values())
        .containsExactly(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0);
    assertThat(Ticks.of(Axis.log2("", ""), List.of(1.0, 256.0), 5).values())
        .containsExactly(1.0, 4.0, 16.0, 64.0, 256.0);
    assertThat(Ticks.of(Axis.log10("", ""), List.of(1.3e-7, 2e-3), 7).values())
        .containsExactly(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2);
  }

  @Test
  void anAxisWithoutValuesStillHasARange() {
    for (Axis.Scale scale : Axis.Scale.values()) {
      Ticks ticks = Ticks.of(new Axis("", "", scale), List.of(Double.NaN), 5);
      assertThat(ticks.high()).isGreaterThan(ticks.low());
      assertThat(ticks.values()).isNotEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(Axis.Scale.class)
  void everyValueLiesInTheRangeAndTicksDoToo(Axis.Scale scale) {
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < 10_000; i++) {
      double magnitude = Math.pow(10, random.nextInt(-9, 10));
      double sign = scale == Axis.Scale.LINEAR && random.nextBoolean() ? -1 : 1;
      double first = sign * magnitude * random.nextDouble(0.01, 1);
      double second = random.nextInt(10) == 0 ? first : first * random.nextDouble(0.5, 40);
      int countMax = random.nextInt(2, 12);
      Ticks ticks = Ticks.of(new Axis("", "", scale), List.of(first, second), countMax);
      String values =
          "first=%s, second=%s, countMax=%s: %s".formatted(first, second, countMax, ticks);
      double slack = 1e-6 * (ticks.high() - ticks.low());
      assertThat(ticks.low()).as(values).isLessThanOrEqualTo(Math.min(first, second) + slack);
      assertThat(ticks.high()).as(values).isGreaterThanOrEqualTo(Math.max(first, second) - slack);
      assertThat(ticks.values())
          .as(values)
          .hasSizeBetween(1, countMax + 2)
          .allMatch(tick -> tick >= ticks.low() - slack && tick <= ticks.high() + slack);
      AxisMap map = new AxisMap(scale, ticks, 300, 20);
      assertThat(map.at(first)).as(values).isBetween(20.0, 300.0);
      assertThat(map.at(ticks.low())).as(values).isEqualTo(300.0);
      assertThat(map.at(ticks.high())).as(values).isEqualTo(20.0);
    }
  }
}
