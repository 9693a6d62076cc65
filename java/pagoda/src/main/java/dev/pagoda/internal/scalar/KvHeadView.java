package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.Elements;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import java.lang.foreign.MemorySegment;

/** The keys and values of one sequence and KV head, by position: the block table's reader. */
final class KvHeadView {
  private final KvLayout layout;
  private final int blockSize;

  private MemorySegment segment = MemorySegment.NULL;
  private int[] blockIds = {};
  private int tableStart;
  private int layer;
  private int kvHead;
  private int keyDim;
  private int valueDim;
  private DType keyDType = DType.FP32;
  private DType valueDType = DType.FP32;

  KvHeadView(KvLayout layout) {
    this.layout = layout;
    this.blockSize = layout.shape().blockSize();
  }

  void open(AttendCall call, int seqIndex, int newKvHead) {
    segment = ((HostStorage) call.storage()).segment();
    blockIds = call.batch().blockIds();
    tableStart = call.batch().tableStart(seqIndex);
    layer = call.layer();
    kvHead = newKvHead;
    LayerShape shape = layout.shape().layer(layer);
    keyDim = shape.keyHeadDim();
    valueDim = shape.valueHeadDim();
    keyDType = shape.keyDType();
    valueDType = shape.valueDType();
  }

  /** Product of a query with the key at a position, dims ascending. */
  float dotKey(float[] query, int position) {
    long tile = layout.keyTileOffset(blockIdAt(position), layer, kvHead);
    long start = tile + slotAt(position) * layout.keyTokenStrideBytes(layer);
    long dimStrideBytes = layout.keyDimStrideBytes(layer);
    float sum = 0f;
    for (int d = 0; d < keyDim; d++) {
      sum = Math.fma(query[d], Elements.get(segment, keyDType, start + d * dimStrideBytes), sum);
    }
    return sum;
  }

  /** Adds the value at a position, times a weight, to the accumulators. */
  void accumulateValue(float weight, int position, float[] accumulators) {
    long tile = layout.valueTileOffset(blockIdAt(position), layer, kvHead);
    long start = tile + slotAt(position) * layout.valueTokenStrideBytes(layer);
    long elementBytes = valueDType.byteSize();
    for (int e = 0; e < valueDim; e++) {
      float value = Elements.get(segment, valueDType, start + e * elementBytes);
      accumulators[e] = Math.fma(weight, value, accumulators[e]);
    }
  }

  private int blockIdAt(int position) {
    return blockIds[tableStart + position / blockSize];
  }

  private int slotAt(int position) {
    return position % blockSize;
  }
}
