package dev.pagoda.lab.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A named tensor: row-major, little-endian elements in a segment that somebody else owns.
 *
 * @param name key in the header; any string but {@code __metadata__}
 * @param type type of all elements
 * @param shape dimensions, outermost first; none is a single element
 * @param data the elements, exactly {@code numElements * type.byteSize()} bytes; readable as long
 *     as the file or the arena it comes from is open
 */
public record Tensor(String name, ElementType type, List<Long> shape, MemorySegment data) {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Refuses a shape that does not fit the data. */
  public Tensor {
    shape = List.copyOf(shape);
    long byteCount = byteCount(name, type, shape);
    if (byteCount != data.byteSize()) {
      throw new SafetensorsException(
          "%s: dtype %s and shape %s take %d bytes, but there are byteCount=%d"
              .formatted(Quoted.tensor(name), type, shape, byteCount, data.byteSize()));
    }
  }

  /**
   * Wraps a segment, with the shape as plain numbers.
   *
   * @param name key in the header
   * @param type type of all elements
   * @param data the elements
   * @param shape dimensions, outermost first
   * @return the tensor
   */
  public static Tensor of(String name, ElementType type, MemorySegment data, long... shape) {
    return new Tensor(name, type, Arrays.stream(shape).boxed().toList(), data);
  }

  /**
   * Returns the bytes that a tensor takes, or refuses a shape whose product overflows.
   *
   * @throws SafetensorsException if a dimension is negative or the product exceeds 63 bits
   */
  static long byteCount(String name, ElementType type, List<Long> shape) {
    boolean empty = false;
    long product = type.byteSize();
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new SafetensorsException(
            "%s: a dimension of the shape is negative, shape=%s"
                .formatted(Quoted.tensor(name), Quoted.list(shape)));
      }
      // A zero anywhere makes the product 0, but must not hide an overflow of the others.
      empty |= dimension == 0;
      long factor = Math.max(dimension, 1);
      if (Math.multiplyHigh(product, factor) != 0 || product * factor < 0) {
        throw new SafetensorsException(
            "%s: the product of the shape times the element size exceeds 63 bits, shape=%s"
                .formatted(Quoted.tensor(name), Quoted.list(shape)));
      }
      product *= factor;
    }
    return empty ? 0 : product;
  }

  /**
   * Returns the number of elements.
   *
   * @return product of the shape
   */
  public long numElements() {
    return data.byteSize() / type.byteSize();
  }

  /**
   * Reads one element as a number; half precisions are widened, which is exact.
   *
   * @param index row-major index, in {@code [0, numElements)}
   * @return the element
   * @throws SafetensorsException if the type is not F32, F16 or BF16
   * @throws IndexOutOfBoundsException if there is no such element
   */
  public float floatAt(long index) {
    Objects.checkIndex(index, numElements());
    return switch (type) {
      case F32 -> data.get(FLOAT, index * Float.BYTES);
      case F16 -> Float.float16ToFloat(data.get(SHORT, index * Short.BYTES));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, index * Short.BYTES) << 16);
      default ->
          throw new SafetensorsException(
              "%s: elements are not F32, F16 or BF16, dtype=%s"
                  .formatted(Quoted.tensor(name), type));
    };
  }

  /**
   * Reads one element of a tensor of 32-bit integers.
   *
   * @param index row-major index, in {@code [0, numElements)}
   * @return the element
   * @throws SafetensorsException if the type is not I32
   * @throws IndexOutOfBoundsException if there is no such element
   */
  public int intAt(long index) {
    if (type != ElementType.I32) {
      throw new SafetensorsException(
          "%s: elements are not I32, dtype=%s".formatted(Quoted.tensor(name), type));
    }
    return data.get(INT, Objects.checkIndex(index, numElements()) * Integer.BYTES);
  }
}
