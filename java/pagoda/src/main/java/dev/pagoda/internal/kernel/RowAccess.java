package dev.pagoda.internal.kernel;

import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;
import java.lang.foreign.MemorySegment;

/**
 * Moves pieces of a caller's rows to and from a kernel's own memory, whatever type the rows have
 * and wherever they lie. Rows were checked by the caller of the kernel.
 *
 * <p>Parameters are, everywhere: row number, elements per row, first element of the piece.
 */
public final class RowAccess {
  private RowAccess() {}

  /** Copies {@code count} elements of a row into an array, {@code stride} apart. */
  public static void read(
      Rows rows,
      int row,
      int rowWidth,
      int first,
      int count,
      float[] target,
      int targetIndex,
      int stride) {
    switch (rows) {
      case Rows.HeapRows heap -> {
        float[] source = heap.array();
        int start = heap.rowStart(row, rowWidth) + first;
        if (stride == 1) {
          System.arraycopy(source, start, target, targetIndex, count);
          return;
        }
        for (int i = 0; i < count; i++) {
          target[targetIndex + i * stride] = source[start + i];
        }
      }
      case Rows.SegmentRows segment -> {
        MemorySegment source = segment.segment();
        DType dtype = segment.dtype();
        long offsetBytes = elementOffset(segment, row, rowWidth, first);
        for (int i = 0; i < count; i++) {
          target[targetIndex + i * stride] =
              Elements.get(source, dtype, offsetBytes + (long) i * dtype.byteSize());
        }
      }
      case Rows.NoRows none -> throw noRows();
      case Rows.OffHostRows elsewhere -> throw notOnHost(elsewhere);
    }
  }

  /** Overwrites {@code count} elements of a row from an array, rounding to the row's type. */
  public static void write(
      float[] source, int sourceIndex, int count, Rows rows, int row, int rowWidth, int first) {
    switch (rows) {
      case Rows.HeapRows heap ->
          System.arraycopy(
              source, sourceIndex, heap.array(), heap.rowStart(row, rowWidth) + first, count);
      case Rows.SegmentRows segment -> {
        MemorySegment target = segment.segment();
        DType dtype = segment.dtype();
        long offsetBytes = elementOffset(segment, row, rowWidth, first);
        for (int i = 0; i < count; i++) {
          long elementBytes = (long) i * dtype.byteSize();
          Elements.set(target, dtype, offsetBytes + elementBytes, source[sourceIndex + i]);
        }
      }
      case Rows.NoRows none -> throw noRows();
      case Rows.OffHostRows elsewhere -> throw notOnHost(elsewhere);
    }
  }

  /** Overwrites one element of a row, rounding to the row's type. */
  public static void writeElement(float value, Rows rows, int row, int rowWidth, int index) {
    switch (rows) {
      case Rows.HeapRows heap -> heap.array()[heap.rowStart(row, rowWidth) + index] = value;
      case Rows.SegmentRows segment ->
          Elements.set(
              segment.segment(),
              segment.dtype(),
              elementOffset(segment, row, rowWidth, index),
              value);
      case Rows.NoRows none -> throw noRows();
      case Rows.OffHostRows elsewhere -> throw notOnHost(elsewhere);
    }
  }

  /**
   * Copies {@code count} elements of a row into memory of another type, {@code strideBytes} apart.
   */
  public static void readInto(
      Rows rows,
      int row,
      int rowWidth,
      int first,
      int count,
      MemorySegment target,
      DType dtype,
      long offsetBytes,
      long strideBytes) {
    switch (rows) {
      case Rows.HeapRows heap -> {
        int start = heap.rowStart(row, rowWidth) + first;
        if (dtype == DType.FP32) {
          scatter(heap.array(), start, count, target, offsetBytes, strideBytes);
        } else {
          for (int i = 0; i < count; i++) {
            Elements.set(target, dtype, offsetBytes + i * strideBytes, heap.array()[start + i]);
          }
        }
      }
      case Rows.SegmentRows segment -> {
        MemorySegment source = segment.segment();
        DType sourceDType = segment.dtype();
        long sourceBytes = elementOffset(segment, row, rowWidth, first);
        for (int i = 0; i < count; i++) {
          float value =
              Elements.get(source, sourceDType, sourceBytes + (long) i * sourceDType.byteSize());
          Elements.set(target, dtype, offsetBytes + i * strideBytes, value);
        }
      }
      case Rows.NoRows none -> throw noRows();
      case Rows.OffHostRows elsewhere -> throw notOnHost(elsewhere);
    }
  }

  /** The usual case on its own: FP32 from the heap. */
  private static void scatter(
      float[] source,
      int start,
      int count,
      MemorySegment target,
      long offsetBytes,
      long strideBytes) {
    if (strideBytes == Float.BYTES) {
      MemorySegment.copy(source, start, target, Elements.FP32, offsetBytes, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      target.set(Elements.FP32, offsetBytes + i * strideBytes, source[start + i]);
    }
  }

  private static long elementOffset(Rows.SegmentRows rows, int row, int rowWidth, int index) {
    return rows.rowStart(row, rowWidth) + (long) index * rows.dtype().byteSize();
  }

  private static IllegalArgumentException noRows() {
    return new IllegalArgumentException("rows are needed: rows=none");
  }

  private static IllegalArgumentException notOnHost(Rows.OffHostRows rows) {
    return new IllegalArgumentException(
        "this backend reads rows in host memory only: rows=" + rows);
  }
}
