package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.layout.DType;
import java.lang.foreign.MemorySegment;

/** Copies keys and values out of the pool as FP32, where they cannot be read in place. */
final class PanelPacker {
  private PanelPacker() {}

  static void packKeys(
      MemorySegment pool,
      DType dtype,
      long source,
      long dimStrideBytes,
      long tokenStrideBytes,
      int keyDim,
      int numTokens,
      MemorySegment panel,
      long target) {
    for (int d = 0; d < keyDim; d++) {
      for (int t = 0; t < numTokens; t++) {
        float x = Elements.get(pool, dtype, source + d * dimStrideBytes + t * tokenStrideBytes);
        panel.set(Elements.FP32, target + (long) d * Lanes.GROUP_BYTES + (long) t * Float.BYTES, x);
      }
    }
  }

  static void packRow(
      MemorySegment pool, DType dtype, long source, int count, MemorySegment panel, long target) {
    for (int i = 0; i < count; i++) {
      float x = Elements.get(pool, dtype, source + (long) i * dtype.byteSize());
      panel.set(Elements.FP32, target + (long) i * Float.BYTES, x);
    }
  }
}
