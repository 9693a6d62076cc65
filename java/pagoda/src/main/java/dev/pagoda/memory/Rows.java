package dev.pagoda.memory;

import dev.pagoda.layout.DType;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Rows of numbers that a caller owns: queries, keys, values, outputs or LSE, one row per token.
 *
 * <p>How wide a row is follows from its use, {@code numQueryHeads * headDim} for queries for
 * instance, and is not repeated here. Between rows there may be room for something else (fused
 * projections), hence the strides. A stride of 0 makes every row the same one, which suits callers
 * that keep each token in an array of its own.
 *
 * <p>A view: it holds no memory and copies none. It can be made once and used for ever. Threads: as
 * safe as the memory behind it.
 */
public sealed interface Rows {
  /** Row stride of rows that follow each other without a gap. */
  int PACKED = -1;

  /**
   * Rows in a heap array, one behind the other.
   *
   * @param array row-major FP32 numbers
   * @return the rows
   */
  static Rows of(float[] array) {
    return new HeapRows(array, 0, PACKED);
  }

  /**
   * Rows in a heap array, from an offset on.
   *
   * @param array FP32 numbers
   * @param offset index of row 0's first element
   * @param rowStride elements from one row's start to the next one's, or {@link #PACKED}
   * @return the rows
   */
  static Rows of(float[] array, int offset, int rowStride) {
    return new HeapRows(array, offset, rowStride);
  }

  /**
   * Rows in a memory segment, one behind the other.
   *
   * @param segment row-major numbers, little-endian
   * @param dtype their type
   * @return the rows
   */
  static Rows of(MemorySegment segment, DType dtype) {
    return new SegmentRows(segment, dtype, 0, PACKED);
  }

  /**
   * Rows in a memory segment, from an offset on.
   *
   * @param segment numbers, little-endian
   * @param dtype their type
   * @param offsetBytes byte offset of row 0's first element
   * @param rowStrideBytes bytes from one row's start to the next one's, or {@link #PACKED}
   * @return the rows
   */
  static Rows of(MemorySegment segment, DType dtype, long offsetBytes, long rowStrideBytes) {
    return new SegmentRows(segment, dtype, offsetBytes, rowStrideBytes);
  }

  /**
   * No rows: for an output that is not wanted.
   *
   * @return rows that hold nothing
   */
  static Rows none() {
    return NoRows.INSTANCE;
  }

  /**
   * Checks that rows of a width fit, so that later accesses need no check of their own.
   *
   * @param name what the rows are, for the message
   * @param numRows rows needed, at least 0
   * @param rowWidth elements per row
   * @throws IllegalArgumentException if the memory ends before the last row does, naming the
   *     numbers
   */
  void requireRows(String name, int numRows, int rowWidth);

  /**
   * Rows in a {@code float[]}.
   *
   * @param array FP32 numbers
   * @param offset index of row 0's first element, at least 0
   * @param rowStride elements from one row's start to the next one's, or {@link #PACKED}
   */
  @SuppressWarnings("ArrayRecordComponent") // a view: equal only when it shows the same array
  record HeapRows(float[] array, int offset, int rowStride) implements Rows {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if one is negative
     */
    public HeapRows {
      Objects.requireNonNull(array, "array");
      requireNotNegative("offset", offset);
      requireStride("rowStride", rowStride);
    }

    /**
     * Index of a row's first element.
     *
     * @param row row number
     * @param rowWidth elements per row
     * @return index into {@link #array}
     */
    public int rowStart(int row, int rowWidth) {
      return offset + row * (rowStride == PACKED ? rowWidth : rowStride);
    }

    @Override
    public void requireRows(String name, int numRows, int rowWidth) {
      if (numRows == 0) {
        return;
      }
      long stride = rowStride == PACKED ? rowWidth : rowStride;
      long needed = offset + (numRows - 1) * stride + rowWidth;
      if (needed > array.length) {
        throw new IllegalArgumentException(
            tooShort(name, numRows, rowWidth) + needed + ", length=" + array.length);
      }
    }
  }

  /**
   * Rows in a {@link MemorySegment}, on the heap or off it.
   *
   * @param segment numbers, little-endian; need not be aligned
   * @param dtype their type
   * @param offsetBytes byte offset of row 0's first element, at least 0
   * @param rowStrideBytes bytes from one row's start to the next one's, or {@link #PACKED}
   */
  record SegmentRows(MemorySegment segment, DType dtype, long offsetBytes, long rowStrideBytes)
      implements Rows {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if one is negative
     */
    public SegmentRows {
      Objects.requireNonNull(segment, "segment");
      Objects.requireNonNull(dtype, "dtype");
      requireNotNegative("offsetBytes", offsetBytes);
      requireStride("rowStrideBytes", rowStrideBytes);
    }

    /**
     * Byte offset of a row's first element.
     *
     * @param row row number
     * @param rowWidth elements per row
     * @return byte offset into {@link #segment}
     */
    public long rowStart(int row, int rowWidth) {
      long stride = rowStrideBytes == PACKED ? (long) rowWidth * dtype.byteSize() : rowStrideBytes;
      return offsetBytes + row * stride;
    }

    @Override
    public void requireRows(String name, int numRows, int rowWidth) {
      if (numRows == 0) {
        return;
      }
      long widthBytes = (long) rowWidth * dtype.byteSize();
      long stride = rowStrideBytes == PACKED ? widthBytes : rowStrideBytes;
      long needed;
      try {
        needed =
            Math.addExact(
                Math.addExact(offsetBytes, Math.multiplyExact(numRows - 1L, stride)), widthBytes);
      } catch (ArithmeticException overflow) {
        needed = Long.MAX_VALUE;
      }
      if (needed > segment.byteSize()) {
        throw new IllegalArgumentException(
            tooShort(name, numRows, rowWidth) + needed + " bytes, byteSize=" + segment.byteSize());
      }
    }
  }

  /** Rows that hold nothing. */
  record NoRows() implements Rows {
    private static final NoRows INSTANCE = new NoRows();

    /** Makes rows that hold nothing; {@link Rows#none()} gives one that exists already. */
    public NoRows {}

    @Override
    public void requireRows(String name, int numRows, int rowWidth) {
      throw new IllegalArgumentException(name + " rows are needed: " + name + "=none");
    }
  }

  /**
   * Rows in memory that Java cannot read, a device's for instance. Only the backend whose memory it
   * is takes them; any other refuses.
   */
  non-sealed interface OffHostRows extends Rows {
    /**
     * Type of the elements.
     *
     * @return the type
     */
    DType dtype();
  }

  private static String tooShort(String name, int numRows, int rowWidth) {
    return name + " rows do not fit: numRows=" + numRows + ", rowWidth=" + rowWidth + ", needed=";
  }

  private static void requireNotNegative(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + " must not be negative: " + name + "=" + value);
    }
  }

  private static void requireStride(String name, long value) {
    if (value < PACKED) {
      throw new IllegalArgumentException(
          name + " must not be negative, or PACKED: " + name + "=" + value);
    }
  }
}
