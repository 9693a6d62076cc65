package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.internal.kernel.KernelSettings;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vectors of this JVM, chosen once: constants to the compiler.
 *
 * <p>A tile's positions are taken as 4 groups of 16. A vector of 16 lanes covers a group at once, a
 * narrower one covers it in {@link #PARTS} parts; kernels work on equal parts of all 4 groups.
 */
final class Lanes {
  static final VectorSpecies<Float> FLOATS =
      VectorSpecies.of(
          float.class,
          VectorShape.forBitSize(
              KernelSettings.vectorBits(VectorShape.preferredShape().vectorBitSize())));

  /** As many lanes as {@link #FLOATS}. */
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512.withShape(FLOATS.vectorShape());

  /** As many lanes as {@link #FLOATS}, in half the bits. */
  static final VectorSpecies<Short> SHORTS =
      ShortVector.SPECIES_512.withShape(VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Positions of a group. */
  static final int GROUP = 16;

  /** Positions of a tile. */
  static final int TILE = CanonicalOrder.TILE_TOKENS;

  /** Groups of a tile. */
  static final int GROUPS = TILE / GROUP;

  static final int COUNT = FLOATS.length();
  static final int BYTES = FLOATS.vectorByteSize();

  /** Vectors of a group. */
  static final int PARTS = GROUP / COUNT;

  /** Bytes of a group of FP32 numbers. */
  static final int GROUP_BYTES = GROUP * Float.BYTES;

  private static final int BF16_SHIFT = 16; // BF16 is the upper half of FP32

  private Lanes() {}

  /** Reads BF16 numbers. Short enough that HotSpot inlines it into kernels. */
  static FloatVector widenBf16(MemorySegment segment, long offsetBytes) {
    return ShortVector.fromMemorySegment(SHORTS, segment, offsetBytes, ORDER)
        .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)
        .reinterpretAsInts()
        .lanewise(VectorOperators.LSHL, BF16_SHIFT)
        .reinterpretAsFloats();
  }
}
