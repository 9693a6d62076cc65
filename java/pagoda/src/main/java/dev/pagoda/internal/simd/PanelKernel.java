package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.GROUP_BYTES;
import static dev.pagoda.internal.simd.Lanes.ORDER;

import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.layout.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Copies keys and values out of the pool as FP32, where kernels cannot read them in place. */
final class PanelKernel {
  private PanelKernel() {}

  /**
   * Widens the same part of four groups, so that four blocks stream in at once.
   *
   * @param sources where each group starts in the pool
   * @param sourceStride bytes from one 16 elements of a group to the next
   * @param target where the first group starts in the panel
   * @param targetStride bytes from one group to the next there
   * @param steps how often 16 elements
   */
  static void widenBf16(
      MemorySegment pool,
      long[] sources,
      int part,
      long sourceStride,
      MemorySegment panel,
      long target,
      long targetStride,
      int steps) {
    long from0 = sources[0] + (long) part * COUNT * Short.BYTES;
    long from1 = sources[1] + (long) part * COUNT * Short.BYTES;
    long from2 = sources[2] + (long) part * COUNT * Short.BYTES;
    long from3 = sources[3] + (long) part * COUNT * Short.BYTES;
    long to0 = target + (long) part * Lanes.BYTES;
    long to1 = to0 + targetStride;
    long to2 = to1 + targetStride;
    long to3 = to2 + targetStride;
    for (int i = 0; i < steps; i++) {
      long from = i * sourceStride;
      long to = (long) i * GROUP_BYTES;
      Lanes.widenBf16(pool, from0 + from).intoMemorySegment(panel, to0 + to, ORDER);
      Lanes.widenBf16(pool, from1 + from).intoMemorySegment(panel, to1 + to, ORDER);
      Lanes.widenBf16(pool, from2 + from).intoMemorySegment(panel, to2 + to, ORDER);
      Lanes.widenBf16(pool, from3 + from).intoMemorySegment(panel, to3 + to, ORDER);
    }
  }

  /** Widens neighbouring FP16 numbers into an array: a loop that HotSpot turns into vectors. */
  static void widenFp16(MemorySegment pool, long source, float[] target, int index, int count) {
    for (int i = 0; i < count; i++) {
      target[index + i] =
          Float.float16ToFloat(pool.get(Elements.BITS16, source + (long) i * Short.BYTES));
    }
  }

  /** Copies an array, a multiple of 16 long, into a panel. */
  static void store(float[] source, MemorySegment panel, long target, int count) {
    for (int i = 0; i < count; i += COUNT) {
      FloatVector.fromArray(FLOATS, source, i)
          .intoMemorySegment(panel, target + (long) i * Float.BYTES, ORDER);
    }
  }

  /** Widens numbers one by one, of any type, both ends with a stride. */
  static void widen(
      MemorySegment pool,
      DType dtype,
      long source,
      long sourceStride,
      MemorySegment panel,
      long target,
      long targetStride,
      int count) {
    for (int i = 0; i < count; i++) {
      float x = Elements.get(pool, dtype, source + i * sourceStride);
      panel.set(Elements.FP32, target + i * targetStride, x);
    }
  }
}
