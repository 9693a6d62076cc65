package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.internal.kernel.KernelSettings;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.TileWriter;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import jdk.incubator.vector.VectorShape;

/** Attention on the Vector API, many positions and many elements at once. */
public final class VectorKernels implements Kernels {
  private VectorKernels() {}

  /** Makes the kernels; {@link dev.pagoda.internal.kernel.VectorModule} must have said yes. */
  public static VectorKernels create() {
    return new VectorKernels();
  }

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public String describe() {
    int bits = Lanes.FLOATS.vectorBitSize();
    boolean isWidest = bits == VectorShape.preferredShape().vectorBitSize();
    String why = isWidest ? "the widest here" : "as " + KernelSettings.VECTOR_BITS + " says";
    return "Vector API, " + bits + " bits, " + why;
  }

  @Override
  public KeyOrder keyOrder() {
    return KeyOrder.DIM_MAJOR;
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    return HostStorage.allocate(layout, numBlocks);
  }

  @Override
  public Scratch newScratch(KvLayout layout) {
    return new VectorScratch(layout);
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    TileWriter.write(call, firstToken, endToken);
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    LayerShape layer = call.storage().layout().shape().layer(call.layer());
    return Math.max(1, VectorScratch.SLOTS / call.spec().groupSize(layer));
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    if (firstToken >= endToken) {
      return;
    }
    VectorScratch memory = (VectorScratch) scratch;
    LayerShape layer = call.storage().layout().shape().layer(call.layer());
    int numRows = Math.multiplyExact(endToken - firstToken, call.spec().groupSize(layer));
    RowTile rows = memory.rows;
    ContextTile tile = memory.tile;
    rows.openCall(call, layer);
    tile.openSequence(call, call.batch().sequenceOf(firstToken), numRows);
    for (int row = 0; row < numRows; row += VectorScratch.SLOTS) {
      int count = Math.min(VectorScratch.SLOTS, numRows - row);
      rows.openRows(call, firstToken, row, count);
      int headsAtOnce = RowTile.headsFor(count);
      for (int kvHead = firstKvHead; kvHead < endKvHead; kvHead += headsAtOnce) {
        rows.openHeads(call, kvHead, Math.min(headsAtOnce, endKvHead - kvHead));
        walkContext(rows, tile, kvHead);
        rows.close(call);
      }
    }
  }

  /** Tile by tile, and all heads of a tile before the next: a block is read in one go. */
  private static void walkContext(RowTile rows, ContextTile tile, int firstKvHead) {
    int first = rows.firstVisible();
    int end = rows.endVisible();
    int spanStart = first / CanonicalOrder.SPAN_TOKENS * CanonicalOrder.SPAN_TOKENS;
    for (; spanStart < end; spanStart += CanonicalOrder.SPAN_TOKENS) {
      rows.openSpan();
      int spanEnd = Math.min(end, spanStart + CanonicalOrder.SPAN_TOKENS);
      int firstSeen = Math.max(first, spanStart);
      int start = firstSeen / CanonicalOrder.TILE_TOKENS * CanonicalOrder.TILE_TOKENS;
      for (; start < spanEnd; start += CanonicalOrder.TILE_TOKENS) {
        int tileEnd = Math.min(spanEnd, start + CanonicalOrder.TILE_TOKENS);
        tile.open(start, Math.max(firstSeen, start), tileEnd);
        for (int h = 0; h < rows.numHeads(); h++) {
          tile.openHead(firstKvHead + h);
          TileAttention.attend(rows, h, tile);
        }
      }
      rows.closeSpan(spanStart);
    }
  }
}
