package dev.pagoda.internal.kernel;

import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** One number in memory, of any type, as a {@code float}: the only place that converts. */
public final class Elements {
  /** FP32 as it lies in memory. */
  public static final ValueLayout.OfFloat FP32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** FP16 or BF16 as it lies in memory. */
  public static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** Reads a number; exact. */
  public static float get(MemorySegment segment, DType dtype, long offsetBytes) {
    return switch (dtype) {
      case FP32 -> segment.get(FP32, offsetBytes);
      case FP16 -> Float.float16ToFloat(segment.get(BITS16, offsetBytes));
      case BF16 -> BFloat16.toFloat(segment.get(BITS16, offsetBytes));
    };
  }

  /** Writes a number, rounded to nearest, ties to even. */
  public static void set(MemorySegment segment, DType dtype, long offsetBytes, float value) {
    switch (dtype) {
      case FP32 -> segment.set(FP32, offsetBytes, value);
      case FP16 -> segment.set(BITS16, offsetBytes, Float.floatToFloat16(value));
      case BF16 -> segment.set(BITS16, offsetBytes, BFloat16.fromFloat(value));
    }
  }
}
