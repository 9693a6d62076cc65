package dev.pagoda.internal.cuda;

import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.internal.kernel.RowAccess;
import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * Carries host rows to device memory and back, through pinned buffers in turn.
 *
 * <p>Device buffers are used again by the next call: the stream orders them. They grow as needed
 * and live as long as the queue. One thread at a time.
 */
final class RowStaging {
  private static final long BUFFER_BYTES = 4L << 20;

  /** What a device buffer is for. */
  enum Use {
    KEYS_OR_QUERIES,
    VALUES_OR_OUTPUT,
    LSE,
    ALL_ROWS,
    NUMBERS
  }

  /** Device memory of one use. */
  private static final class Buffer {
    long address;
    long byteSize;
  }

  private final DeviceQueue queue;
  private final CallMemory memory;
  private final Map<Use, Buffer> buffers = new EnumMap<>(Use.class);
  private final StagingRing ring;

  RowStaging(DeviceQueue queue, CallMemory memory) {
    this.queue = queue;
    this.memory = memory;
    for (Use use : Use.values()) {
      buffers.put(use, new Buffer());
    }
    ring = new StagingRing(queue, BUFFER_BYTES, memory);
  }

  /** Device memory for some bytes; what was there may still be read by queued work. */
  long reserve(Use use, long byteSize) {
    Buffer buffer = Objects.requireNonNull(buffers.get(use));
    if (byteSize > buffer.byteSize) {
      long newBytes = Math.max(byteSize, 2 * buffer.byteSize);
      buffer.address = queue.allocateDevice(newBytes, memory);
      buffer.byteSize = newBytes;
    }
    return buffer.address;
  }

  /** A piece of rows, and the type it is staged in. */
  record Piece(Rows rows, int first, int count, int width, DType dtype) {
    long rowBytes() {
      return (long) width * dtype.byteSize();
    }

    Piece part(int from, int partCount) {
      return new Piece(rows, first + from, partCount, width, dtype);
    }
  }

  /** Queues the copy of rows to the device. The context is entered. */
  void send(Piece piece, long target) {
    ring.ensure(piece.rowBytes(), memory);
    int rowsPerCopy = (int) Math.min(piece.count, ring.bufferBytes() / piece.rowBytes());
    for (int row = 0; row < piece.count; row += rowsPerCopy) {
      Piece part = piece.part(row, Math.min(rowsPerCopy, piece.count - row));
      MemorySegment buffer = ring.take(memory);
      pack(part, buffer);
      queue.copyEntered(
          buffer.address(), target + row * part.rowBytes(), part.count * part.rowBytes(), memory);
      ring.queued(memory);
    }
  }

  /** Waits for rows on the device and copies them to the caller's. The context is entered. */
  void fetch(Piece piece, long source) {
    ring.ensure(piece.rowBytes(), memory);
    int rowsPerCopy = (int) Math.min(piece.count, ring.bufferBytes() / piece.rowBytes());
    for (int row = 0; row < piece.count; row += rowsPerCopy) {
      Piece part = piece.part(row, Math.min(rowsPerCopy, piece.count - row));
      MemorySegment buffer = ring.take(memory);
      queue.copyEntered(
          source + row * part.rowBytes(), buffer.address(), part.count * part.rowBytes(), memory);
      queue.waitEntered(memory);
      unpack(part, buffer);
    }
  }

  /** Copies floats to the device. The context is entered. */
  void sendFloats(float[] numbers, long target) {
    long byteSize = (long) numbers.length * Float.BYTES;
    ring.ensure(byteSize, memory);
    MemorySegment buffer = ring.take(memory);
    MemorySegment.copy(numbers, 0, buffer, Elements.FP32, 0, numbers.length);
    queue.copyEntered(buffer.address(), target, byteSize, memory);
    ring.queued(memory);
  }

  /** Copies one number to the device. The context is entered. */
  void sendInt(int number, long target) {
    MemorySegment buffer = ring.take(memory);
    buffer.set(ValueLayout.JAVA_INT, 0, number);
    queue.copyEntered(buffer.address(), target, Integer.BYTES, memory);
    ring.queued(memory);
  }

  private static void pack(Piece piece, MemorySegment buffer) {
    int width = piece.width;
    int first = piece.first;
    switch (piece.rows) {
      case Rows.HeapRows heap when piece.dtype == DType.FP32 && isPacked(heap.rowStride(), width) ->
          MemorySegment.copy(
              heap.array(),
              heap.rowStart(first, width),
              buffer,
              Elements.FP32,
              0,
              piece.count * width);
      case Rows.SegmentRows segment
          when piece.dtype == segment.dtype()
              && isPacked(segment.rowStrideBytes(), piece.rowBytes()) ->
          MemorySegment.copy(
              segment.segment(),
              segment.rowStart(first, width),
              buffer,
              0,
              piece.count * piece.rowBytes());
      default -> {
        for (int i = 0; i < piece.count; i++) {
          RowAccess.readInto(
              piece.rows,
              first + i,
              width,
              0,
              width,
              buffer,
              piece.dtype,
              i * piece.rowBytes(),
              piece.dtype.byteSize());
        }
      }
    }
  }

  private static void unpack(Piece piece, MemorySegment buffer) {
    int width = piece.width;
    int first = piece.first;
    switch (piece.rows) {
      case Rows.HeapRows heap when piece.dtype == DType.FP32 && isPacked(heap.rowStride(), width) ->
          MemorySegment.copy(
              buffer,
              Elements.FP32,
              0,
              heap.array(),
              heap.rowStart(first, width),
              piece.count * width);
      case Rows.SegmentRows segment
          when piece.dtype == segment.dtype()
              && isPacked(segment.rowStrideBytes(), piece.rowBytes()) ->
          MemorySegment.copy(
              buffer,
              0,
              segment.segment(),
              segment.rowStart(first, width),
              piece.count * piece.rowBytes());
      default -> {
        for (int i = 0; i < piece.count; i++) {
          for (int e = 0; e < width; e++) {
            long at = i * piece.rowBytes() + (long) e * piece.dtype.byteSize();
            float value = Elements.get(buffer, piece.dtype, at);
            RowAccess.writeElement(value, piece.rows, first + i, width, e);
          }
        }
      }
    }
  }

  private static boolean isPacked(long stride, long width) {
    return stride == Rows.PACKED || stride == width;
  }
}
