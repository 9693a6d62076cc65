package dev.pagoda;

import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What belongs into each slot: numbers computed from everything that led to a token, and from where
 * they lie, so that a slot that holds anything else shows.
 *
 * <p>A token is known by its history: a hash of its own number and of the histories before it.
 */
public final class TokenContent {
  private final KvLayout layout;
  private final KvShape shape;

  public TokenContent(KvLayout layout) {
    this.layout = layout;
    shape = layout.shape();
  }

  /** The history of a token that follows another one; 0 is the history of nothing. */
  public static long follow(long history, long token) {
    return mix(history + 0x9e3779b97f4a7c15L + mix(token));
  }

  private static long mix(long z) {
    long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
    return b ^ (b >>> 31);
  }

  /** Keys of a layer, one row per history. */
  public float[] keys(int layer, long[] histories) {
    LayerShape l = shape.layer(layer);
    return rows(histories, 2 * layer, l.numKvHeads() * l.keyHeadDim(), l.keyDType());
  }

  /** Values of a layer, one row per history. */
  public float[] values(int layer, long[] histories) {
    LayerShape l = shape.layer(layer);
    return rows(histories, 2 * layer + 1, l.numKvHeads() * l.valueHeadDim(), l.valueDType());
  }

  private static float[] rows(long[] histories, int plane, int width, DType dtype) {
    float[] rows = new float[histories.length * width];
    for (int i = 0; i < histories.length; i++) {
      for (int j = 0; j < width; j++) {
        rows[i * width + j] = element(histories[i], plane, j, dtype);
      }
    }
    return rows;
  }

  /** A whole number that the type holds exactly. */
  private static float element(long history, int plane, int index, DType dtype) {
    int bits =
        switch (dtype) {
          case FP32 -> 24;
          case FP16 -> 11;
          case BF16 -> 8;
        };
    return (float) (mix(history + ((long) plane << 32) + index) >>> (64 - bits));
  }

  /** One token's place in a tile. */
  private record Place(int position, int blockId, int layer, int kvHead) {
    String differs(String plane, int element, float expected, float actual) {
      return plane + " element " + element + " is " + actual + " not " + expected + " in " + this;
    }
  }

  /**
   * Compares what a sequence's blocks hold with its histories.
   *
   * @param first first position to look at
   * @return what is wrong first, or an empty string
   */
  public String difference(HostStorage storage, int[] blockIds, long[] histories, int first) {
    for (int position = first; position < histories.length; position++) {
      for (int layer = 0; layer < shape.numLayers(); layer++) {
        for (int kvHead = 0; kvHead < shape.layer(layer).numKvHeads(); kvHead++) {
          int blockId = blockIds[position / shape.blockSize()];
          Place place = new Place(position, blockId, layer, kvHead);
          String difference = difference(storage, place, histories[position]);
          if (!difference.isEmpty()) {
            return difference;
          }
        }
      }
    }
    return "";
  }

  private String difference(HostStorage storage, Place place, long history) {
    int layer = place.layer;
    int slot = place.position % shape.blockSize();
    LayerShape l = shape.layer(layer);
    long key =
        layout.keyTileOffset(place.blockId, layer, place.kvHead)
            + slot * layout.keyTokenStrideBytes(layer);
    for (int i = 0; i < l.keyHeadDim(); i++) {
      int index = place.kvHead * l.keyHeadDim() + i;
      float expected = element(history, 2 * layer, index, l.keyDType());
      long offset = key + i * layout.keyDimStrideBytes(layer);
      float actual = Elements.get(storage.segment(), l.keyDType(), offset);
      if (actual != expected) {
        return place.differs("key", i, expected, actual);
      }
    }
    long value =
        layout.valueTileOffset(place.blockId, layer, place.kvHead)
            + slot * layout.valueTokenStrideBytes(layer);
    for (int i = 0; i < l.valueHeadDim(); i++) {
      int index = place.kvHead * l.valueHeadDim() + i;
      float expected = element(history, 2 * layer + 1, index, l.valueDType());
      long offset = value + (long) i * l.valueDType().byteSize();
      float actual = Elements.get(storage.segment(), l.valueDType(), offset);
      if (actual != expected) {
        return place.differs("value", i, expected, actual);
      }
    }
    return "";
  }

  /** Whether every byte of a block is poison. */
  boolean isPoisoned(HostStorage storage, int blockId) {
    MemorySegment block =
        storage.segment().asSlice(layout.blockOffset(blockId), layout.blockBytes());
    for (long offset = 0; offset < block.byteSize(); offset += Long.BYTES) {
      if (block.get(ValueLayout.JAVA_LONG, offset) != -1L) {
        return false;
      }
    }
    return true;
  }
}
