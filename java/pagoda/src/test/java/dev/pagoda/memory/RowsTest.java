package dev.pagoda.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows.HeapRows;
import dev.pagoda.memory.Rows.SegmentRows;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RowsTest {
  private static final int HUGE = Integer.MAX_VALUE;

  @Test
  void packedRowsFollowEachOtherAtTheirWidth() {
    HeapRows rows = (HeapRows) Rows.of(new float[12]);

    assertThat(rows.rowStart(0, 4)).isZero();
    assertThat(rows.rowStart(2, 4)).isEqualTo(8);
    assertThatCode(() -> rows.requireRows("queries", 3, 4)).doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rows.requireRows("queries", 4, 4))
        .withMessageStartingWith("queries rows do not fit")
        .withMessageEndingWith("numRows=4, rowWidth=4, needed=16, length=12");
    assertThatIllegalArgumentException().isThrownBy(() -> rows.requireRows("queries", 3, 5));
  }

  @Test
  void stridesAndOffsetsCountUpToTheLastElementOnly() {
    HeapRows rows = (HeapRows) Rows.of(new float[20], 3, 7);

    assertThat(rows.rowStart(2, 3)).isEqualTo(17);
    assertThatCode(() -> rows.requireRows("keys", 3, 3)).doesNotThrowAnyException(); // 17 + 3
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rows.requireRows("keys", 3, 4))
        .withMessageEndingWith("needed=21, length=20");
  }

  @Test
  void aStrideOfZeroMakesEveryRowTheSame() {
    HeapRows rows = (HeapRows) Rows.of(new float[5], 1, 0);

    assertThat(rows.rowStart(HUGE, 4)).isEqualTo(1);
    assertThatCode(() -> rows.requireRows("keys", HUGE, 4)).doesNotThrowAnyException();
    assertThatIllegalArgumentException().isThrownBy(() -> rows.requireRows("keys", 1, 5));
  }

  @ParameterizedTest
  @EnumSource
  void segmentRowsCountBytesOfTheirType(DType dtype) {
    int size = dtype.byteSize();
    MemorySegment memory = MemorySegment.ofArray(new byte[12 * size]);
    SegmentRows packed = (SegmentRows) Rows.of(memory, dtype);
    SegmentRows apart = (SegmentRows) Rows.of(memory, dtype, 1, 5L * size);

    assertThat(packed.rowStart(2, 4)).isEqualTo(8L * size);
    assertThatCode(() -> packed.requireRows("values", 3, 4)).doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> packed.requireRows("values", 3, 5))
        .withMessageEndingWith("needed=" + 15 * size + " bytes, byteSize=" + 12 * size);
    assertThat(apart.rowStart(2, 1)).isEqualTo(1 + 10L * size);
    assertThatCode(() -> apart.requireRows("values", 3, 1)).doesNotThrowAnyException();
    assertThatIllegalArgumentException().isThrownBy(() -> apart.requireRows("values", 3, 2));
  }

  @Test
  void noRowsFitAnywhereEvenBehindTheEnd() {
    assertThatCode(() -> Rows.of(new float[0], HUGE, HUGE).requireRows("keys", 0, HUGE))
        .doesNotThrowAnyException();
    assertThatCode(() ->
            Rows.of(MemorySegment.NULL, DType.FP32, Long.MAX_VALUE, Long.MAX_VALUE)
                .requireRows("keys", 0, HUGE))
        .doesNotThrowAnyException();
  }

  @Test
  void numbersThatOverflowAreRefusedNotWrapped() {
    Rows heap = Rows.of(new float[64], 0, HUGE);
    assertThatIllegalArgumentException().isThrownBy(() -> heap.requireRows("keys", 3, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> heap.requireRows("keys", HUGE, HUGE));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(new float[64], HUGE, HUGE).requireRows("keys", HUGE, HUGE));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(new float[64]).requireRows("keys", 1 << 16, 1 << 16));

    MemorySegment memory = MemorySegment.ofArray(new byte[64]);
    for (long stride : new long[] {Long.MAX_VALUE, 1L << 62, 1L << 33}) {
      Rows rows = Rows.of(memory, DType.FP16, 0, stride);
      assertThatIllegalArgumentException().isThrownBy(() -> rows.requireRows("keys", 3, 1));
      assertThatIllegalArgumentException().isThrownBy(() -> rows.requireRows("keys", HUGE, HUGE));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(memory, DType.FP32, Long.MAX_VALUE, 0).requireRows("keys", 1, 1));
  }

  /** Whatever passes the check lies inside; whatever does not would reach outside. */
  @Test
  void theCheckAgreesWithExactArithmetic() {
    SplittableRandom random = new SplittableRandom(5);
    int[] interesting = {0, 1, 2, 3, 7, 1 << 15, 1 << 16, 1 << 30, HUGE - 1, HUGE};
    float[] array = new float[100];
    MemorySegment segment = MemorySegment.ofArray(array);
    for (int i = 0; i < 100_000; i++) {
      int offset = pick(random, interesting);
      int stride = random.nextInt(4) == 0 ? Rows.PACKED : pick(random, interesting);
      int numRows = pick(random, interesting);
      int width = pick(random, interesting);
      BigInteger last =
          BigInteger.valueOf(stride == Rows.PACKED ? width : stride)
              .multiply(BigInteger.valueOf(numRows - 1L))
              .add(BigInteger.valueOf(offset))
              .add(BigInteger.valueOf(width));
      boolean fits = numRows == 0 || last.compareTo(BigInteger.valueOf(array.length)) <= 0;
      String what =
          "offset=" + offset + " stride=" + stride + " rows=" + numRows + " width=" + width;
      assertThat(passes(Rows.of(array, offset, stride), numRows, width)).as(what).isEqualTo(fits);
      long strideBytes = stride == Rows.PACKED ? Rows.PACKED : 4L * stride;
      Rows same = Rows.of(segment, DType.FP32, 4L * offset, strideBytes);
      assertThat(passes(same, numRows, width)).as(what).isEqualTo(fits);
    }
  }

  private static int pick(SplittableRandom random, int[] interesting) {
    return random.nextBoolean()
        ? interesting[random.nextInt(interesting.length)]
        : random.nextInt(12);
  }

  private static boolean passes(Rows rows, int numRows, int rowWidth) {
    try {
      rows.requireRows("keys", numRows, rowWidth);
      return true;
    } catch (IllegalArgumentException refused) {
      return false;
    }
  }

  @Test
  void negativeNumbersAreRefused() {
    float[] array = new float[8];
    MemorySegment memory = MemorySegment.ofArray(array);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(array, -1, 4))
        .withMessageEndingWith("offset=-1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(array, 0, -2))
        .withMessageEndingWith("rowStride=-2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(memory, DType.BF16, -1, 0))
        .withMessageEndingWith("offsetBytes=-1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.of(memory, DType.BF16, 0, Long.MIN_VALUE))
        .withMessageEndingWith("rowStrideBytes=" + Long.MIN_VALUE);
  }

  @Test
  void nullIsRefused() {
    assertThatNullPointerException().isThrownBy(() -> Rows.of((float[]) null));
    assertThatNullPointerException().isThrownBy(() -> Rows.of((MemorySegment) null, DType.FP32));
    assertThatNullPointerException().isThrownBy(() -> Rows.of(MemorySegment.NULL, null));
  }

  @Test
  void rowsThatAreNoneDoWhereNothingIsNeededAndNowhereElse() {
    assertThat(Rows.none()).isSameAs(Rows.none());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Rows.none().requireRows("output", 1, 1))
        .withMessageEndingWith("output=none");
  }
}
