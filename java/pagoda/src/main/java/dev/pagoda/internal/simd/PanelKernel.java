package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.BF16_SHIFT;
import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.FP16_INFINITE;
import static dev.pagoda.internal.simd.Lanes.FP16_KEPT;
import static dev.pagoda.internal.simd.Lanes.FP16_REBIAS;
import static dev.pagoda.internal.simd.Lanes.FP16_SHIFT;
import static dev.pagoda.internal.simd.Lanes.FP32_INFINITE;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.GROUP_BYTES;
import static dev.pagoda.internal.simd.Lanes.INTS;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.SHORTS;
import static dev.pagoda.internal.simd.ValueKernel.WIDE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Copies groups of keys and values as FP32, four of them side by side, so that four blocks stream
 * in at once.
 *
 * <p>A panel of keys is {@code [keyDim, 64]}, a panel of values {@code [columns, 64, WIDE]}.
 */
final class PanelKernel {
  /** Bytes of a wide column of a panel of values. */
  static final long COLUMN_BYTES = (long) Lanes.TILE * PanelValueKernel.STRIDE_BYTES;

  private static final int GROUP_STRIDE_BYTES = GROUP * PanelValueKernel.STRIDE_BYTES;

  private PanelKernel() {}

  /**
   * Copies part of the keys of four groups.
   *
   * @param sources where each group starts in the pool, or where it was gathered
   * @param part which vectors of the groups
   * @param sourceStride bytes from one dim of a group to the next
   * @param target where the panel starts
   */
  static void keysFp32(
      MemorySegment pool,
      long[] sources,
      int part,
      long sourceStride,
      MemorySegment panels,
      long target,
      int keyDim) {
    long partBytes = (long) part * COUNT * Float.BYTES;
    long from0 = sources[0] + partBytes;
    long from1 = sources[1] + partBytes;
    long from2 = sources[2] + partBytes;
    long from3 = sources[3] + partBytes;
    long to = target + (long) part * Lanes.BYTES;
    for (int d = 0; d < keyDim; d++) {
      long from = d * sourceStride;
      long at = to + (long) d * PanelScoreKernel.STRIDE_BYTES;
      FloatVector.fromMemorySegment(FLOATS, pool, from0 + from, ORDER)
          .intoMemorySegment(panels, at, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from1 + from, ORDER)
          .intoMemorySegment(panels, at + GROUP_BYTES, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from2 + from, ORDER)
          .intoMemorySegment(panels, at + 2L * GROUP_BYTES, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from3 + from, ORDER)
          .intoMemorySegment(panels, at + 3L * GROUP_BYTES, ORDER);
    }
  }

  /**
   * Copies the values of a position of each of four groups.
   *
   * @param sources where each group starts in the pool, or where it was gathered
   * @param index of the position within its group
   * @param target where the panel starts
   * @param valueDim elements of a value, a multiple of 16
   */
  static void valuesFp32(
      MemorySegment pool,
      long[] sources,
      int index,
      MemorySegment panels,
      long target,
      int valueDim) {
    long row = (long) index * valueDim * Float.BYTES;
    long from0 = sources[0] + row;
    long from1 = sources[1] + row;
    long from2 = sources[2] + row;
    long from3 = sources[3] + row;
    for (int e = 0; e < valueDim; e += COUNT) {
      long from = (long) e * Float.BYTES;
      long at = valueOffset(target, index, e);
      FloatVector.fromMemorySegment(FLOATS, pool, from0 + from, ORDER)
          .intoMemorySegment(panels, at, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from1 + from, ORDER)
          .intoMemorySegment(panels, at + GROUP_STRIDE_BYTES, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from2 + from, ORDER)
          .intoMemorySegment(panels, at + 2L * GROUP_STRIDE_BYTES, ORDER);
      FloatVector.fromMemorySegment(FLOATS, pool, from3 + from, ORDER)
          .intoMemorySegment(panels, at + 3L * GROUP_STRIDE_BYTES, ORDER);
    }
  }

  /** The same for BF16. */
  static void keysBf16(
      MemorySegment pool,
      long[] sources,
      int part,
      long sourceStride,
      MemorySegment panels,
      long target,
      int keyDim) {
    long partBytes = (long) part * COUNT * Short.BYTES;
    long from0 = sources[0] + partBytes;
    long from1 = sources[1] + partBytes;
    long from2 = sources[2] + partBytes;
    long from3 = sources[3] + partBytes;
    long to = target + (long) part * Lanes.BYTES;
    for (int d = 0; d < keyDim; d++) {
      long from = d * sourceStride;
      long at = to + (long) d * PanelScoreKernel.STRIDE_BYTES;
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from0 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from1 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + GROUP_BYTES, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from2 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + 2L * GROUP_BYTES, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from3 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + 3L * GROUP_BYTES, ORDER);
    }
  }

  /** The same for BF16. */
  static void valuesBf16(
      MemorySegment pool,
      long[] sources,
      int index,
      MemorySegment panels,
      long target,
      int valueDim) {
    long row = (long) index * valueDim * Short.BYTES;
    long from0 = sources[0] + row;
    long from1 = sources[1] + row;
    long from2 = sources[2] + row;
    long from3 = sources[3] + row;
    for (int e = 0; e < valueDim; e += COUNT) {
      long from = (long) e * Short.BYTES;
      long at = valueOffset(target, index, e);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from0 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from1 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + GROUP_STRIDE_BYTES, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from2 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + 2L * GROUP_STRIDE_BYTES, ORDER);
      ((IntVector)
              ShortVector.fromMemorySegment(SHORTS, pool, from3 + from, ORDER)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, BF16_SHIFT)
          .reinterpretAsFloats()
          .intoMemorySegment(panels, at + 3L * GROUP_STRIDE_BYTES, ORDER);
    }
  }

  /** The same for FP16, and for two groups only: widening takes too many calls for four. */
  static void keysFp16(
      MemorySegment pool,
      long[] sources,
      int firstGroup,
      int part,
      long sourceStride,
      MemorySegment panels,
      long target,
      int keyDim) {
    long partBytes = (long) part * COUNT * Short.BYTES;
    long from0 = sources[firstGroup] + partBytes;
    long from1 = sources[firstGroup + 1] + partBytes;
    long to = target + (long) firstGroup * GROUP_BYTES + (long) part * Lanes.BYTES;
    for (int d = 0; d < keyDim; d++) {
      long from = d * sourceStride;
      long at = to + (long) d * PanelScoreKernel.STRIDE_BYTES;
      IntVector b0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, pool, from0 + from, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m0 = b0.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x0 =
          b0.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m0)
              .reinterpretAsFloats();
      x0.intoMemorySegment(panels, at, ORDER);
      IntVector b1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, pool, from1 + from, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m1 = b1.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x1 =
          b1.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m1)
              .reinterpretAsFloats();
      x1.intoMemorySegment(panels, at + GROUP_BYTES, ORDER);
    }
  }

  /** The same for FP16, and for two groups only. */
  static void valuesFp16(
      MemorySegment pool,
      long[] sources,
      int firstGroup,
      int index,
      MemorySegment panels,
      long target,
      int valueDim) {
    long row = (long) index * valueDim * Short.BYTES;
    long from0 = sources[firstGroup] + row;
    long from1 = sources[firstGroup + 1] + row;
    int position = firstGroup * GROUP + index;
    for (int e = 0; e < valueDim; e += COUNT) {
      long from = (long) e * Short.BYTES;
      long at = valueOffset(target, position, e);
      IntVector b0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, pool, from0 + from, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m0 = b0.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x0 =
          b0.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m0)
              .reinterpretAsFloats();
      x0.intoMemorySegment(panels, at, ORDER);
      IntVector b1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, pool, from1 + from, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m1 = b1.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x1 =
          b1.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m1)
              .reinterpretAsFloats();
      x1.intoMemorySegment(panels, at + GROUP_STRIDE_BYTES, ORDER);
    }
  }

  /** Where an element of a value lies in a panel of them. */
  static long valueOffset(long panel, int index, int element) {
    return panel
        + element / WIDE * COLUMN_BYTES
        + (long) index * PanelValueKernel.STRIDE_BYTES
        + (long) (element % WIDE) * Float.BYTES;
  }
}
