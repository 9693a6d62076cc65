package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.internal.kernel.KernelSettings;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
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

  /**
   * Whether the processor is taken for one with 16 vector registers, from the width alone: most
   * with 256 bits are AVX2. With 512 bits there are 32, and ARM has as many with 128.
   */
  static final boolean HAS_FEW_REGISTERS = VectorShape.preferredShape() == VectorShape.S_256_BIT;

  /** Vectors of a group. */
  static final int PARTS = GROUP / COUNT;

  /** Bytes of a group of FP32 numbers. */
  static final int GROUP_BYTES = GROUP * Float.BYTES;

  /** BF16 is the upper half of FP32. Kernels widen it by {@code bits << BF16_SHIFT}. */
  static final int BF16_SHIFT = 16;

  /**
   * FP16 is widened, subnormal numbers included, by
   *
   * <pre>
   *   b = bits << FP16_SHIFT & FP16_KEPT       to where FP32 has exponent and fraction
   *   x = float(b) * FP16_REBIAS               exact
   *   x | FP32_INFINITE                        where (b & FP16_INFINITE) == FP16_INFINITE
   * </pre>
   *
   * <p>written out wherever it is needed: where HotSpot does not inline a method of ours, and it
   * stops doing so in long methods, the vector it returns is an object on the heap. Vectors rather
   * than numbers as {@code broadcast} costs the compiler as much as any other call.
   *
   * <p>Kernels that read the pool in place leave the third line out, which takes masks, and say
   * whether a magnitude was {@link #FP16_OVERFLOW} or more: infinite or not a number.
   */
  static final int FP16_SHIFT = 13;

  static final IntVector FP16_KEPT = IntVector.broadcast(INTS, 0x8fff_e000);
  static final IntVector FP16_INFINITE = IntVector.broadcast(INTS, 0x0f80_0000);
  static final IntVector FP32_INFINITE = IntVector.broadcast(INTS, 0x7f80_0000);
  static final ShortVector FP16_MAGNITUDE = ShortVector.broadcast(SHORTS, 0x7fff);
  static final short FP16_OVERFLOW = 0x7c00; // infinity; above it are NaNs
  static final FloatVector FP16_REBIAS = FloatVector.broadcast(FLOATS, 0x1p112f);

  private Lanes() {}
}
