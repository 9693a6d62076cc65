package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * What {@link ScoreKernel} computes, without touching values: where these are in a near cache, it
 * costs more than it gives.
 */
final class CachedScoreKernel {
  private CachedScoreKernel() {}

  /** One row, whose query is not interleaved. */
  static void one(
      ContextTile tile, int part, float[] memory, int queries, int scores, float scale) {
    MemorySegment source = tile.keySource;
    int keyDim = tile.keyDim;
    long keyStride = tile.keyStrideBytes;
    long partBytes = (long) part * Lanes.BYTES;
    long k0 = tile.keyGroups[0] + partBytes;
    long k1 = tile.keyGroups[1] + partBytes;
    long k2 = tile.keyGroups[2] + partBytes;
    long k3 = tile.keyGroups[3] + partBytes;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, k0 + at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, source, k1 + at, ORDER);
      FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, source, k2 + at, ORDER);
      FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, source, k3 + at, ORDER);
      int query = queries + d;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
      s02 = q.fma(x2, s02);
      s03 = q.fma(x3, s03);
    }
    int to = scores + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    s02.mul(scale).intoArray(memory, to + 2 * GROUP);
    s03.mul(scale).intoArray(memory, to + 3 * GROUP);
  }
}
