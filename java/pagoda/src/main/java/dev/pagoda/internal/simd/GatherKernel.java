package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.TILE;

import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.layout.KvLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Copies keys out of blocks that are no groups, unchanged, into groups that the other kernels read,
 * {@code [keyDim, 64]}: for each of the 4 groups one position, or eight that lie side by side, so
 * that four blocks stream in at once. Touches values on its way, see {@link ScoreKernel}. Blocks of
 * eight and of one have kernels of their own, with strides that are constants.
 *
 * <p>Parameters are, everywhere: the pool; where each group's keys start in it; bytes from one dim
 * to the next; where the values start that are to be touched, and in which steps; the scratch's
 * panels; where the first group's keys go; how many dims.
 */
final class GatherKernel {
  /** Positions that are copied at once where blocks have so many side by side. */
  static final int EIGHT = 8;

  private static final VectorSpecies<Integer> INTS =
      IntVector.SPECIES_512.withShape(
          VectorShape.forBitSize(Math.min(256, Lanes.FLOATS.vectorBitSize())));

  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;

  private static final ValueLayout.OfInt BITS32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int INT_STRIDE = TILE * Integer.BYTES;
  private static final int SHORT_STRIDE = TILE * Short.BYTES;
  private static final long INT_GROUP = GROUP * Integer.BYTES;
  private static final long SHORT_GROUP = GROUP * Short.BYTES;

  private GatherKernel() {}

  /** Reads one number of every line of four runs side by side, and returns their sum. */
  static int touch(MemorySegment pool, long[] runs, long byteSize) {
    long r0 = runs[0];
    long r1 = runs[1];
    long r2 = runs[2];
    long r3 = runs[3];
    int touched = 0;
    for (long at = 0; at < byteSize; at += KvLayout.TILE_ALIGNMENT_BYTES) {
      touched += pool.get(ValueLayout.JAVA_BYTE, r0 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, r1 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, r2 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, r3 + at);
    }
    return touched;
  }

  /** Eight positions of a type of 32 bits. */
  static int eightInts(
      MemorySegment pool,
      long[] keys,
      long[] values,
      long touchStride,
      MemorySegment panels,
      long to,
      int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    long v0 = values[0];
    long v1 = values[1];
    long v2 = values[2];
    long v3 = values[3];
    int touched = 0;
    for (int d = 0; d < keyDim; d++) {
      long from = (long) d * EIGHT * Integer.BYTES;
      long target = to + (long) d * INT_STRIDE;
      for (int part = 0; part < EIGHT * Integer.BYTES; part += INTS.vectorByteSize()) {
        long source = from + part;
        long at = target + part;
        IntVector.fromMemorySegment(INTS, pool, k0 + source, ORDER)
            .intoMemorySegment(panels, at, ORDER);
        IntVector.fromMemorySegment(INTS, pool, k1 + source, ORDER)
            .intoMemorySegment(panels, at + INT_GROUP, ORDER);
        IntVector.fromMemorySegment(INTS, pool, k2 + source, ORDER)
            .intoMemorySegment(panels, at + 2 * INT_GROUP, ORDER);
        IntVector.fromMemorySegment(INTS, pool, k3 + source, ORDER)
            .intoMemorySegment(panels, at + 3 * INT_GROUP, ORDER);
      }
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
    }
    return touched;
  }

  /** Eight positions of a type of 16 bits. */
  static int eightShorts(
      MemorySegment pool,
      long[] keys,
      long[] values,
      long touchStride,
      MemorySegment panels,
      long to,
      int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    long v0 = values[0];
    long v1 = values[1];
    long v2 = values[2];
    long v3 = values[3];
    int touched = 0;
    for (int d = 0; d < keyDim; d++) {
      long from = (long) d * EIGHT * Short.BYTES;
      long at = to + (long) d * SHORT_STRIDE;
      ShortVector.fromMemorySegment(SHORTS, pool, k0 + from, ORDER)
          .intoMemorySegment(panels, at, ORDER);
      ShortVector.fromMemorySegment(SHORTS, pool, k1 + from, ORDER)
          .intoMemorySegment(panels, at + SHORT_GROUP, ORDER);
      ShortVector.fromMemorySegment(SHORTS, pool, k2 + from, ORDER)
          .intoMemorySegment(panels, at + 2 * SHORT_GROUP, ORDER);
      ShortVector.fromMemorySegment(SHORTS, pool, k3 + from, ORDER)
          .intoMemorySegment(panels, at + 3 * SHORT_GROUP, ORDER);
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
    }
    return touched;
  }

  /**
   * One position of a type of 32 bits, its dims side by side. Touches nothing: what it reads is
   * short.
   */
  static void denseInt(MemorySegment pool, long[] keys, MemorySegment panels, long to, int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    for (int d = 0; d < keyDim; d++) {
      long from = (long) d * Integer.BYTES;
      long at = to + (long) d * INT_STRIDE;
      panels.set(BITS32, at, pool.get(BITS32, k0 + from));
      panels.set(BITS32, at + INT_GROUP, pool.get(BITS32, k1 + from));
      panels.set(BITS32, at + 2 * INT_GROUP, pool.get(BITS32, k2 + from));
      panels.set(BITS32, at + 3 * INT_GROUP, pool.get(BITS32, k3 + from));
    }
  }

  /**
   * One position of a type of 16 bits, its dims side by side. Touches nothing: what it reads is
   * short.
   */
  static void denseShort(
      MemorySegment pool, long[] keys, MemorySegment panels, long to, int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    for (int d = 0; d < keyDim; d++) {
      long from = (long) d * Short.BYTES;
      long at = to + (long) d * SHORT_STRIDE;
      panels.set(Elements.BITS16, at, pool.get(Elements.BITS16, k0 + from));
      panels.set(Elements.BITS16, at + SHORT_GROUP, pool.get(Elements.BITS16, k1 + from));
      panels.set(Elements.BITS16, at + 2 * SHORT_GROUP, pool.get(Elements.BITS16, k2 + from));
      panels.set(Elements.BITS16, at + 3 * SHORT_GROUP, pool.get(Elements.BITS16, k3 + from));
    }
  }

  /** One position of a type of 32 bits. */
  static int oneInt(
      MemorySegment pool,
      long[] keys,
      long dimBytes,
      long[] values,
      long touchStride,
      MemorySegment panels,
      long to,
      int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    long v0 = values[0];
    long v1 = values[1];
    long v2 = values[2];
    long v3 = values[3];
    int touched = 0;
    for (int d = 0; d < keyDim; d++) {
      long from = d * dimBytes;
      long at = to + (long) d * INT_STRIDE;
      panels.set(BITS32, at, pool.get(BITS32, k0 + from));
      panels.set(BITS32, at + INT_GROUP, pool.get(BITS32, k1 + from));
      panels.set(BITS32, at + 2 * INT_GROUP, pool.get(BITS32, k2 + from));
      panels.set(BITS32, at + 3 * INT_GROUP, pool.get(BITS32, k3 + from));
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
    }
    return touched;
  }

  /** One position of a type of 16 bits. */
  static int oneShort(
      MemorySegment pool,
      long[] keys,
      long dimBytes,
      long[] values,
      long touchStride,
      MemorySegment panels,
      long to,
      int keyDim) {
    long k0 = keys[0];
    long k1 = keys[1];
    long k2 = keys[2];
    long k3 = keys[3];
    long v0 = values[0];
    long v1 = values[1];
    long v2 = values[2];
    long v3 = values[3];
    int touched = 0;
    for (int d = 0; d < keyDim; d++) {
      long from = d * dimBytes;
      long at = to + (long) d * SHORT_STRIDE;
      panels.set(Elements.BITS16, at, pool.get(Elements.BITS16, k0 + from));
      panels.set(Elements.BITS16, at + SHORT_GROUP, pool.get(Elements.BITS16, k1 + from));
      panels.set(Elements.BITS16, at + 2 * SHORT_GROUP, pool.get(Elements.BITS16, k2 + from));
      panels.set(Elements.BITS16, at + 3 * SHORT_GROUP, pool.get(Elements.BITS16, k3 + from));
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
    }
    return touched;
  }
}
