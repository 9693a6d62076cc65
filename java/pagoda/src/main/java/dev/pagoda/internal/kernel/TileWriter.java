package dev.pagoda.internal.kernel;

import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;

/**
 * Writes new keys and values into their slots: the same code, hence the same bytes, for every CPU
 * backend.
 */
public final class TileWriter {
  private TileWriter() {}

  /** As {@link Kernels#write}; the storage must be a {@link HostStorage}. */
  public static void write(WriteCall call, int firstToken, int endToken) {
    RaggedBatch batch = call.batch();
    int blockSize = call.storage().layout().shape().blockSize();
    int token = firstToken;
    while (token < endToken) {
      int seqIndex = batch.sequenceOf(token);
      int position = batch.positionOf(token);
      int slot = position % blockSize;
      int blockId = batch.blockIds()[batch.tableStart(seqIndex) + position / blockSize];
      int sequenceEnd = batch.queryStart(seqIndex) + batch.queryLength(seqIndex);
      int runEnd = Math.min(Math.min(endToken, sequenceEnd), token + blockSize - slot);
      writeRun(call, token, runEnd, blockId, slot);
      token = runEnd;
    }
  }

  /** Tokens of one block, head after head so that a tile is written while it is in the cache. */
  private static void writeRun(
      WriteCall call, int firstToken, int endToken, int blockId, int slot) {
    HostStorage storage = (HostStorage) call.storage();
    KvLayout layout = storage.layout();
    int layer = call.layer();
    LayerShape shape = layout.shape().layer(layer);
    int numKvHeads = shape.numKvHeads();
    int keyDim = shape.keyHeadDim();
    int valueDim = shape.valueHeadDim();
    for (int kvHead = 0; kvHead < numKvHeads; kvHead++) {
      long keyTile = layout.keyTileOffset(blockId, layer, kvHead);
      long valueTile = layout.valueTileOffset(blockId, layer, kvHead);
      for (int token = firstToken; token < endToken; token++) {
        int offset = slot + token - firstToken;
        RowAccess.readInto(
            call.keys(),
            token,
            numKvHeads * keyDim,
            kvHead * keyDim,
            keyDim,
            storage.segment(),
            shape.keyDType(),
            keyTile + offset * layout.keyTokenStrideBytes(layer),
            layout.keyDimStrideBytes(layer));
        RowAccess.readInto(
            call.values(),
            token,
            numKvHeads * valueDim,
            kvHead * valueDim,
            valueDim,
            storage.segment(),
            shape.valueDType(),
            valueTile + offset * layout.valueTokenStrideBytes(layer),
            shape.valueDType().byteSize());
      }
    }
  }
}
