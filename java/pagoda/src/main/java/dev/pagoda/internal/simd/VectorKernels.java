package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.internal.kernel.KernelSettings;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.SpanStates;
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
  private static final int SPAN = CanonicalOrder.SPAN_TOKENS;
  private static final SpanStates NO_STATES = new SpanStates(); // never opened, hence empty

  /** What is done with the spans of a context. */
  private enum Task {
    WHOLE,
    SPAN,
    MERGE
  }

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
    return Math.max(1, VectorScratch.ROWS / call.spec().groupSize(layer));
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    run(call, firstToken, endToken, firstKvHead, endKvHead, Task.WHOLE, 0, NO_STATES, scratch);
  }

  @Override
  public int spanStateFloats(AttendCall call) {
    LayerShape layer = call.storage().layout().shape().layer(call.layer());
    return RowTile.spanStateFloats(layer.valueHeadDim());
  }

  @Override
  public void attendSpan(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      int span,
      SpanStates states,
      Scratch scratch) {
    run(call, firstToken, endToken, firstKvHead, endKvHead, Task.SPAN, span, states, scratch);
  }

  @Override
  public void mergeSpans(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      SpanStates states,
      Scratch scratch) {
    run(call, firstToken, endToken, firstKvHead, endKvHead, Task.MERGE, 0, states, scratch);
  }

  private static void run(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Task task,
      int span,
      SpanStates states,
      Scratch scratch) {
    if (firstToken >= endToken) {
      return;
    }
    VectorScratch memory = (VectorScratch) scratch;
    LayerShape layer = call.storage().layout().shape().layer(call.layer());
    int numRows = Math.multiplyExact(endToken - firstToken, call.spec().groupSize(layer));
    RowTile rows = memory.rows;
    ContextTile tile = memory.tile;
    boolean isPacked = numRows >= ContextTile.PACKING_ROWS_MIN;
    rows.openCall(call, layer, rowsTogether(numRows, isPacked));
    tile.openSequence(call, call.batch().sequenceOf(firstToken), isPacked);
    for (int row = 0; row < numRows; row += VectorScratch.ROWS) {
      int count = Math.min(VectorScratch.ROWS, numRows - row);
      rows.openRows(call, firstToken, row, count);
      int headsAtOnce = rows.headsAtOnce();
      for (int kvHead = firstKvHead; kvHead < endKvHead; kvHead += headsAtOnce) {
        rows.openHeads(call, kvHead, Math.min(headsAtOnce, endKvHead - kvHead));
        switch (task) {
          case WHOLE -> {
            walkContext(rows, tile, kvHead);
            rows.close(call);
          }
          case SPAN -> saveSpan(rows, tile, kvHead, span * SPAN, states);
          case MERGE -> {
            mergeContext(rows, states);
            rows.close(call);
          }
        }
      }
    }
  }

  /** Rows of a head that kernels take at once. */
  private static int rowsTogether(int numRows, boolean isPacked) {
    if (isPacked) {
      return PanelScoreKernel.ROWS;
    }
    return numRows == 1 ? 1 : ScoreKernel.ROWS;
  }

  private static void walkContext(RowTile rows, ContextTile tile, int firstKvHead) {
    for (int start = firstSpan(rows); start < rows.endVisible(); start += SPAN) {
      walkSpan(rows, tile, firstKvHead, start);
      rows.closeSpan(start);
    }
  }

  private static void saveSpan(
      RowTile rows, ContextTile tile, int firstKvHead, int start, SpanStates states) {
    if (start >= firstSpan(rows) && start < rows.endVisible()) {
      walkSpan(rows, tile, firstKvHead, start);
      rows.saveSpan(start, states);
    }
  }

  private static void mergeContext(RowTile rows, SpanStates states) {
    for (int start = firstSpan(rows); start < rows.endVisible(); start += SPAN) {
      rows.mergeSavedSpan(start, states);
    }
  }

  private static int firstSpan(RowTile rows) {
    return rows.firstVisible() / SPAN * SPAN;
  }

  /** Tile by tile, and all heads of a tile before the next: a block is read in one go. */
  private static void walkSpan(RowTile rows, ContextTile tile, int firstKvHead, int spanStart) {
    rows.openSpan();
    int spanEnd = Math.min(rows.endVisible(), spanStart + SPAN);
    int firstSeen = Math.max(rows.firstVisible(), spanStart);
    int start = firstSeen / CanonicalOrder.TILE_TOKENS * CanonicalOrder.TILE_TOKENS;
    for (; start < spanEnd; start += CanonicalOrder.TILE_TOKENS) {
      int tileEnd = Math.min(spanEnd, start + CanonicalOrder.TILE_TOKENS);
      tile.open(start, Math.max(firstSeen, start), tileEnd);
      if (tile.isCached && rows.together() == 1) {
        for (int h = 0; h < rows.numHeads(); h += VectorScratch.SCORE_ROWS) {
          int endHead = Math.min(h + VectorScratch.SCORE_ROWS, rows.numHeads());
          TileAttention.attendCached(rows, firstKvHead, h, endHead, tile);
        }
        continue;
      }
      for (int h = 0; h < rows.numHeads(); h++) {
        tile.touchAhead(firstKvHead + h, h, firstKvHead + rows.numHeads());
        tile.openHead(firstKvHead + h);
        TileAttention.attend(rows, h, tile);
      }
    }
  }
}
