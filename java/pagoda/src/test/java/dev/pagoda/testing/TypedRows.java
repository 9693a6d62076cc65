package dev.pagoda.testing;

import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Rows and the memory behind them, in each of the forms that a caller may use. */
public final class TypedRows {
  private static final ValueLayout.OfFloat FP32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Where rows lie and of which type they are. */
  public enum Form {
    ARRAY(DType.FP32),
    ARRAY_WITH_GAPS(DType.FP32),
    SEGMENT_FP32(DType.FP32),
    SEGMENT_FP16(DType.FP16),
    SEGMENT_BF16(DType.BF16),
    /** A segment over a heap array, rows apart, at an odd address. */
    HEAP_SEGMENT_BF16(DType.BF16);

    private final DType dtype;

    Form(DType dtype) {
      this.dtype = dtype;
    }

    public DType dtype() {
      return dtype;
    }
  }

  private final Form form;
  private final int width;
  private final int offset;
  private final int stride;
  private final float[] array;
  private final MemorySegment segment;

  /** Allocates rows, filled with a number that no test expects. */
  public TypedRows(Form form, int numRows, int width) {
    this.form = form;
    this.width = width;
    boolean hasGaps = form == Form.ARRAY_WITH_GAPS || form == Form.HEAP_SEGMENT_BF16;
    offset = hasGaps ? 7 : 0;
    stride = hasGaps ? width + 5 : width;
    int length = offset + numRows * stride;
    boolean isArray = form == Form.ARRAY || form == Form.ARRAY_WITH_GAPS;
    array = new float[isArray ? length : 0];
    Arrays.fill(array, -777f);
    int byteSize = form.dtype.byteSize();
    segment =
        form == Form.HEAP_SEGMENT_BF16
            ? MemorySegment.ofArray(new byte[length * byteSize + 1]).asSlice(1)
            : Arena.ofAuto().allocate(isArray ? 0 : (long) length * byteSize, 4);
    segment.fill((byte) 0xc4);
  }

  public Rows rows() {
    return rowsFrom(0);
  }

  /** The rows from one on. */
  public Rows rowsFrom(int firstRow) {
    int start = offset + firstRow * stride;
    long startBytes = (long) start * form.dtype.byteSize();
    return switch (form) {
      case ARRAY, ARRAY_WITH_GAPS -> Rows.of(array, start, stride);
      case SEGMENT_FP32, SEGMENT_FP16, SEGMENT_BF16 ->
          Rows.of(segment, form.dtype, startBytes, Rows.PACKED);
      case HEAP_SEGMENT_BF16 ->
          Rows.of(segment, form.dtype, startBytes, (long) stride * form.dtype.byteSize());
    };
  }

  public DType dtype() {
    return form.dtype;
  }

  public float get(int row, int index) {
    int element = offset + row * stride + index;
    return switch (form) {
      case ARRAY, ARRAY_WITH_GAPS -> array[element];
      case SEGMENT_FP32 -> segment.get(FP32, 4L * element);
      case SEGMENT_FP16 -> Float.float16ToFloat(segment.get(BITS16, 2L * element));
      case SEGMENT_BF16, HEAP_SEGMENT_BF16 -> BFloat16.toFloat(segment.get(BITS16, 2L * element));
    };
  }

  public void set(int row, int index, float value) {
    int element = offset + row * stride + index;
    switch (form) {
      case ARRAY, ARRAY_WITH_GAPS -> array[element] = value;
      case SEGMENT_FP32 -> segment.set(FP32, 4L * element, value);
      case SEGMENT_FP16 -> segment.set(BITS16, 2L * element, Float.floatToFloat16(value));
      case SEGMENT_BF16, HEAP_SEGMENT_BF16 ->
          segment.set(BITS16, 2L * element, BFloat16.fromFloat(value));
    }
  }

  /** All rows, gaps left out. */
  public float[] toArray(int numRows) {
    float[] copy = new float[numRows * width];
    for (int row = 0; row < numRows; row++) {
      for (int i = 0; i < width; i++) {
        copy[row * width + i] = get(row, i);
      }
    }
    return copy;
  }
}
