package dev.pagoda.cuda;

import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;
import java.util.Objects;

/**
 * Rows in device memory: queries, keys, values, outputs or LSE that never pass through the host.
 *
 * <p>A call that is given device rows alone returns once its work is queued on the cache's stream:
 * inputs are read and outputs are there when the stream has passed it. Until then the memory must
 * stay as it is.
 *
 * <p>Limits: queries and output of one call have one dtype, so have keys and values; LSE rows are
 * FP32 and packed; memory of another device is refused unless the cache's own has access to it.
 *
 * @param pointer memory that holds the rows, the caller's
 * @param dtype type of the elements
 * @param offsetBytes byte offset of row 0's first element, a multiple of an element
 * @param rowStrideBytes bytes from one row's start to the next one's, a multiple of an element, or
 *     {@link Rows#PACKED}
 */
public record DeviceRows(DevicePointer pointer, DType dtype, long offsetBytes, long rowStrideBytes)
    implements Rows.OffHostRows {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is negative or splits an element
   */
  public DeviceRows {
    Objects.requireNonNull(pointer, "pointer");
    Objects.requireNonNull(dtype, "dtype");
    requireElements("address", pointer.address(), dtype);
    requireElements("offsetBytes", offsetBytes, dtype);
    if (rowStrideBytes != Rows.PACKED) {
      requireElements("rowStrideBytes", rowStrideBytes, dtype);
    }
  }

  /**
   * Rows one behind the other.
   *
   * @param pointer memory that holds the rows, the caller's
   * @param dtype type of the elements
   * @return the rows
   */
  public static DeviceRows of(DevicePointer pointer, DType dtype) {
    return new DeviceRows(pointer, dtype, 0, Rows.PACKED);
  }

  private static void requireElements(String name, long value, DType dtype) {
    if (value < 0 || value % dtype.byteSize() != 0) {
      throw new IllegalArgumentException(
          "this must be a multiple of an element and not negative: byteSize="
              + dtype.byteSize()
              + ", "
              + name
              + "="
              + value);
    }
  }

  /**
   * Bytes from one row's start to the next one's.
   *
   * @param rowWidth elements per row
   * @return the stride, never {@link Rows#PACKED}
   */
  public long strideBytes(int rowWidth) {
    return rowStrideBytes == Rows.PACKED ? (long) rowWidth * dtype.byteSize() : rowStrideBytes;
  }

  /**
   * Address of a row's first element.
   *
   * @param row row number
   * @param rowWidth elements per row
   * @return device address
   */
  public long address(int row, int rowWidth) {
    return pointer.address() + offsetBytes + row * strideBytes(rowWidth);
  }

  @Override
  public void requireRows(String name, int numRows, int rowWidth) {
    if (numRows == 0) {
      return;
    }
    long widthBytes = (long) rowWidth * dtype.byteSize();
    long needed;
    try {
      needed =
          Math.addExact(
              Math.addExact(offsetBytes, Math.multiplyExact(numRows - 1L, strideBytes(rowWidth))),
              widthBytes);
    } catch (ArithmeticException overflow) {
      needed = Long.MAX_VALUE;
    }
    if (needed > pointer.byteSize()) {
      throw new IllegalArgumentException(
          name
              + " rows do not fit: numRows="
              + numRows
              + ", rowWidth="
              + rowWidth
              + ", needed="
              + needed
              + " bytes, byteSize="
              + pointer.byteSize());
    }
    if (strideBytes(rowWidth) < widthBytes && numRows > 1) {
      throw new IllegalArgumentException(
          name + " rows overlap: rowWidth=" + rowWidth + ", rowStrideBytes=" + rowStrideBytes);
    }
  }
}
