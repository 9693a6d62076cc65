package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.DeviceRows;
import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;

/** Where a launch finds rows, and in which type: questions that do not depend on a device. */
final class RowPlaces {
  private RowPlaces() {}

  /**
   * The one type in which a launch takes two kinds of rows. Rows on the device are taken as they
   * are; host rows are staged in any type, the wider one if they differ.
   *
   * @throws IllegalArgumentException if both are on the device and differ
   */
  static DType commonDType(String firstName, Rows first, String secondName, Rows second) {
    DType firstDType = dtype(first);
    DType secondDType = dtype(second);
    if (firstDType == secondDType) {
      return firstDType;
    }
    boolean firstThere = first instanceof DeviceRows;
    boolean secondThere = second instanceof DeviceRows;
    if (firstThere && secondThere) {
      throw new IllegalArgumentException(
          "device rows of one call have one dtype: "
              + firstName
              + "="
              + firstDType
              + ", "
              + secondName
              + "="
              + secondDType);
    }
    if (firstThere) {
      return firstDType;
    }
    return secondThere ? secondDType : DType.FP32;
  }

  private static DType dtype(Rows rows) {
    return switch (rows) {
      case Rows.HeapRows heap -> DType.FP32;
      case Rows.SegmentRows segment -> segment.dtype();
      case Rows.OffHostRows device -> device.dtype();
      case Rows.NoRows none -> throw new IllegalArgumentException("rows are needed: rows=" + none);
    };
  }

  /** Bytes from one row to the next, where a launch finds them. */
  static long strideBytes(Rows rows, int width, DType dtype) {
    return rows instanceof DeviceRows device
        ? device.strideBytes(width)
        : (long) width * dtype.byteSize();
  }

  /**
   * Rows that begin at a row and a column of others.
   *
   * @param width elements per row of the others
   */
  static Rows from(Rows rows, int firstRow, int width, int firstColumn) {
    return switch (rows) {
      case Rows.HeapRows heap ->
          new Rows.HeapRows(
              heap.array(),
              heap.rowStart(firstRow, width) + firstColumn,
              heap.rowStride() == Rows.PACKED ? width : heap.rowStride());
      case Rows.SegmentRows segment ->
          new Rows.SegmentRows(
              segment.segment(),
              segment.dtype(),
              segment.rowStart(firstRow, width) + (long) firstColumn * segment.dtype().byteSize(),
              segment.rowStrideBytes() == Rows.PACKED
                  ? (long) width * segment.dtype().byteSize()
                  : segment.rowStrideBytes());
      case DeviceRows device ->
          new DeviceRows(
              device.pointer(),
              device.dtype(),
              device.offsetBytes()
                  + firstRow * device.strideBytes(width)
                  + (long) firstColumn * device.dtype().byteSize(),
              device.strideBytes(width));
      case Rows.OffHostRows other ->
          throw new IllegalArgumentException("rows of another backend: rows=" + other);
      case Rows.NoRows none -> none;
    };
  }

  /**
   * Refuses LSE rows on the device that a launch cannot write.
   *
   * @throws IllegalArgumentException if they are not FP32 and packed
   */
  static void requireLse(DeviceRows lse, int numQueryHeads, boolean oneRow) {
    if (lse.dtype() != DType.FP32
        || (!oneRow && lse.strideBytes(numQueryHeads) != (long) numQueryHeads * Float.BYTES)) {
      throw new IllegalArgumentException("LSE rows on the device are FP32 and packed: lse=" + lse);
    }
  }
}
