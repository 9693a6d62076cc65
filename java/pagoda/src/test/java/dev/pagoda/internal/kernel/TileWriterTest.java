package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.testing.TypedRows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TileWriterTest {
  private static final int NUM_KV_HEADS = 2;
  private static final int KEY_DIM = 3;
  private static final int VALUE_DIM = 5;
  private static final int BLOCK_SIZE = 4;
  private static final int LAYER = 1;

  // Two sequences: 7 tokens of which the last 6 are written, over blocks 3 and 1; and 1 token.
  private static final int[] FIRST_TABLE = {3, 1};
  private static final int[] SECOND_TABLE = {0};
  private static final int NUM_TOKENS = 7;

  private final RaggedBatch batch = new RaggedBatch(0);
  private final TypedRows keys;
  private final TypedRows values;

  TileWriterTest() {
    int start = batch.addSequence(6, 7, FIRST_TABLE.length);
    System.arraycopy(FIRST_TABLE, 0, batch.blockIds(), start, FIRST_TABLE.length);
    start = batch.addSequence(1, 1, SECOND_TABLE.length);
    System.arraycopy(SECOND_TABLE, 0, batch.blockIds(), start, SECOND_TABLE.length);
    keys = rows(TypedRows.Form.ARRAY, KEY_DIM, 128f);
    values = rows(TypedRows.Form.ARRAY, VALUE_DIM, 512f);
  }

  /** Numbers that tell token, head and element apart, exact in every type. */
  private static TypedRows rows(TypedRows.Form form, int headDim, float base) {
    TypedRows rows = new TypedRows(form, NUM_TOKENS, NUM_KV_HEADS * headDim);
    for (int token = 0; token < NUM_TOKENS; token++) {
      for (int i = 0; i < NUM_KV_HEADS * headDim; i++) {
        rows.set(token, i, (base + 10 * token + i) / 8f);
      }
    }
    return rows;
  }

  private static KvLayout layout(DType dtype, KeyOrder order) {
    LayerShape layer = new LayerShape(NUM_KV_HEADS, KEY_DIM, VALUE_DIM, dtype, dtype);
    return new KvLayout(new KvShape(List.of(LayerShape.of(1, 1, dtype), layer), BLOCK_SIZE), order);
  }

  private HostStorage write(KvLayout layout, int firstToken, int endToken) {
    HostStorage storage = HostStorage.allocate(layout, 5);
    WriteCall call = new WriteCall(storage, batch);
    call.set(LAYER, keys.rows(), values.rows());
    TileWriter.write(call, firstToken, endToken);
    return storage;
  }

  private static float number(HostStorage storage, long offsetBytes) {
    DType dtype = storage.layout().shape().layer(LAYER).keyDType();
    MemorySegment segment = storage.segment();
    ValueLayout.OfShort bits = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    return switch (dtype) {
      case FP32 -> segment.get(ValueLayout.JAVA_FLOAT, offsetBytes);
      case FP16 -> Float.float16ToFloat(segment.get(bits, offsetBytes));
      case BF16 -> BFloat16.toFloat(segment.get(bits, offsetBytes));
    };
  }

  @ParameterizedTest
  @EnumSource(KeyOrder.class)
  void everyElementLandsInItsSlot(KeyOrder order) {
    KvLayout layout = layout(DType.FP16, order);
    try (HostStorage storage = write(layout, 0, NUM_TOKENS)) {
      for (int token = 0; token < NUM_TOKENS; token++) {
        boolean isFirst = token < 6;
        int position = isFirst ? token + 1 : 0;
        int blockId = (isFirst ? FIRST_TABLE : SECOND_TABLE)[position / BLOCK_SIZE];
        int slot = position % BLOCK_SIZE;
        for (int head = 0; head < NUM_KV_HEADS; head++) {
          for (int d = 0; d < KEY_DIM; d++) {
            int index = order == KeyOrder.DIM_MAJOR ? d * BLOCK_SIZE + slot : slot * KEY_DIM + d;
            assertThat(number(storage, layout.keyTileOffset(blockId, LAYER, head) + 2L * index))
                .isEqualTo(keys.get(token, head * KEY_DIM + d));
          }
          for (int e = 0; e < VALUE_DIM; e++) {
            int index = slot * VALUE_DIM + e;
            assertThat(number(storage, layout.valueTileOffset(blockId, LAYER, head) + 2L * index))
                .isEqualTo(values.get(token, head * VALUE_DIM + e));
          }
        }
      }
    }
  }

  @Test
  void nothingElseIsWritten() {
    KvLayout layout = layout(DType.FP32, KeyOrder.DIM_MAJOR);
    try (HostStorage storage = write(layout, 2, 3)) {
      int numbers = 0;
      for (long offset = 0; offset < storage.segment().byteSize(); offset += Float.BYTES) {
        numbers += storage.segment().get(ValueLayout.JAVA_FLOAT, offset) == 0f ? 0 : 1;
      }
      assertThat(numbers).isEqualTo(NUM_KV_HEADS * (KEY_DIM + VALUE_DIM));
    }
  }

  @ParameterizedTest
  @EnumSource(TypedRows.Form.class)
  void theFormOfTheRowsDoesNotMatter(TypedRows.Form form) {
    KvLayout layout = layout(DType.BF16, KeyOrder.DIM_MAJOR);
    TypedRows sameKeys = rows(form, KEY_DIM, 128f); // exact in BF16
    TypedRows sameValues = rows(form, VALUE_DIM, 128f);
    try (HostStorage storage = HostStorage.allocate(layout, 5);
        HostStorage expected = HostStorage.allocate(layout, 5)) {
      WriteCall call = new WriteCall(storage, batch);
      call.set(LAYER, sameKeys.rows(), sameValues.rows());
      TileWriter.write(call, 0, NUM_TOKENS);
      WriteCall plain = new WriteCall(expected, batch);
      plain.set(
          LAYER,
          rows(TypedRows.Form.ARRAY, KEY_DIM, 128f).rows(),
          rows(TypedRows.Form.ARRAY, VALUE_DIM, 128f).rows());
      TileWriter.write(plain, 0, NUM_TOKENS);

      assertThat(storage.segment().mismatch(expected.segment())).isEqualTo(-1);
    }
  }

  @Test
  void numbersAreRoundedToTheNearestTiesToEven() {
    KvLayout layout = layout(DType.BF16, KeyOrder.DIM_MAJOR);
    float step = 0x1p-7f; // of a BF16 at 1
    keys.set(0, 0, 1f + 0.5f * step);
    keys.set(0, 1, 1f + 1.5f * step);
    keys.set(0, 2, 1f + 0.51f * step);
    try (HostStorage storage = write(layout, 0, 1)) {
      long start = layout.keyTileOffset(3, LAYER, 0) + Short.BYTES; // slot 1
      assertThat(number(storage, start)).isEqualTo(1f);
      assertThat(number(storage, start + 2L * BLOCK_SIZE)).isEqualTo(1f + 2 * step);
      assertThat(number(storage, start + 4L * BLOCK_SIZE)).isEqualTo(1f + step);
    }
  }
}
