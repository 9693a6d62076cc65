package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.CanonicalMath;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.RowAccess;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.TileWriter;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;

/** Plain Java: one row and one head after the other. Reads pools of either key order. */
public final class ScalarKernels implements Kernels {
  public ScalarKernels() {}

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public String describe() {
    return "plain Java, one number at a time";
  }

  @Override
  public KeyOrder keyOrder() {
    return KeyOrder.DIM_MAJOR; // the vector backend's, so that a pool serves both
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    return HostStorage.allocate(layout, numBlocks);
  }

  @Override
  public Scratch newScratch(KvLayout layout) {
    return new ScalarScratch(layout);
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    TileWriter.write(call, firstToken, endToken);
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    return 1; // rows share nothing here
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
    ScalarScratch memory = (ScalarScratch) scratch;
    LayerShape layer = call.storage().layout().shape().layer(call.layer());
    int groupSize = call.spec().groupSize(layer);
    for (int kvHead = firstKvHead; kvHead < endKvHead; kvHead++) {
      memory.head.open(call, call.batch().sequenceOf(firstToken), kvHead);
      for (int token = firstToken; token < endToken; token++) {
        for (int i = 0; i < groupSize; i++) {
          attendRow(call, layer, token, kvHead * groupSize + i, memory);
        }
      }
    }
  }

  private static void attendRow(
      AttendCall call, LayerShape layer, int token, int queryHead, ScalarScratch memory) {
    AttentionSpec spec = call.spec();
    RaggedBatch batch = call.batch();
    int numQueryHeads = spec.numQueryHeads();
    int keyDim = layer.keyHeadDim();
    RowAttention row = memory.row;
    RowAccess.read(
        call.queries(), token, numQueryHeads * keyDim, queryHead * keyDim, keyDim, row.query, 0, 1);

    int position = batch.positionOf(token);
    int contextLength = batch.contextLength(batch.sequenceOf(token));
    int first = spec.mask().firstVisible(position);
    int end = spec.mask().endVisible(position, contextLength);
    row.compute(spec, memory.head, queryHead, position, first, end);

    SoftmaxState total = row.total;
    float lse = CanonicalMath.lse(total.max, total.sum);
    total.rescale(CanonicalMath.reciprocal(total.sum));
    int valueDim = layer.valueHeadDim();
    RowAccess.write(
        total.accumulators,
        0,
        valueDim,
        call.output(),
        token,
        numQueryHeads * valueDim,
        queryHead * valueDim);
    if (!(call.lse() instanceof Rows.NoRows)) {
      RowAccess.writeElement(lse, call.lse(), token, numQueryHeads, queryHead);
    }
  }
}
