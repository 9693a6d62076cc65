package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BFloat16Test {
  private static final int SIGN = 0x8000;
  private static final int INFINITY = 0x7f80;

  @Test
  void wideningIsTheUpperHalfOfABinary32ForAll65536Values() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      int widened = Float.floatToRawIntBits(BFloat16.toFloat((short) bits));
      assertThat(widened >>> 16).isEqualTo(bits);
      assertThat(widened & 0xffff).isZero();
    }
  }

  @Test
  void narrowingWhatWasWidenedGivesTheSameBitsForAllButSignallingNaNs() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      int back = BFloat16.fromFloat(BFloat16.toFloat((short) bits)) & 0xffff;
      int expected = isNaN(bits) ? bits | 0x40 : bits;
      assertThat(back).as("bits=%x", bits).isEqualTo(expected);
    }
  }

  /** Between each two neighbours: below the middle, on it, above it, on both sides of zero. */
  @Test
  void narrowingRoundsToNearestAndTiesToEvenBetweenAllNeighbours() {
    for (int low = 0; low < INFINITY; low++) {
      int high = low + 1; // past the largest finite one: infinity, as if it were 2^128
      int tie = low << 16 | 0x8000;
      int even = (low & 1) == 0 ? low : high;
      for (int sign = 0; sign <= SIGN; sign += SIGN) {
        assertThat(narrow(tie - 1, sign)).as("below the tie after %x", low).isEqualTo(low | sign);
        assertThat(narrow(tie, sign)).as("tie after %x", low).isEqualTo(even | sign);
        assertThat(narrow(tie + 1, sign)).as("above the tie after %x", low).isEqualTo(high | sign);
      }
    }
  }

  private static int narrow(int magnitudeBits, int sign) {
    return BFloat16.fromFloat(Float.intBitsToFloat(magnitudeBits | sign << 16)) & 0xffff;
  }

  @Test
  void narrowingAgreesWithExactArithmetic() {
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < 1_000_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      if (Float.isFinite(value) && Math.abs(value) < BFloat16.toFloat((short) 0x7f7f)) {
        float narrowed = BFloat16.toFloat(BFloat16.fromFloat(value));
        int truncated = Float.floatToRawIntBits(value) >>> 16;
        double down = BFloat16.toFloat((short) truncated);
        double up = BFloat16.toFloat((short) (truncated + 1));
        double best = Math.min(Math.abs(value - down), Math.abs(up - value));
        assertThat(Math.abs((double) narrowed - value)).as("value=%a", value).isEqualTo(best);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"7f800001", "7fffffff", "7fc00000", "ff800001", "ffffffff", "7f808000", "7f80ffff"})
  void aNaNStaysANaNOfTheSameSignWhateverItsFraction(String hex) {
    int bits = Integer.parseUnsignedInt(hex, 16);
    short narrowed = BFloat16.fromFloat(Float.intBitsToFloat(bits));

    assertThat(isNaN(narrowed & 0xffff)).isTrue();
    assertThat(BFloat16.toFloat(narrowed)).isNaN();
    assertThat(narrowed < 0).isEqualTo(bits < 0);
  }

  @Test
  void whatIsTooLargeBecomesInfinityAndInfinityStays() {
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.MAX_VALUE)))
        .isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(-Float.MAX_VALUE)))
        .isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(BFloat16.fromFloat(Float.POSITIVE_INFINITY)).isEqualTo((short) INFINITY);
    assertThat(BFloat16.fromFloat(Float.NEGATIVE_INFINITY)).isEqualTo((short) (INFINITY | SIGN));
  }

  private static boolean isNaN(int bits) {
    return (bits & 0x7fff) > INFINITY;
  }
}
