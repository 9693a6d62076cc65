package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;

/** One thread's working memory, for any layer of a layout. */
final class ScalarScratch implements Scratch {
  final KvHeadView head;
  final RowAttention row;

  ScalarScratch(KvLayout layout) {
    int keyDimMax = 0;
    int valueDimMax = 0;
    for (LayerShape layer : layout.shape().layers()) {
      keyDimMax = Math.max(keyDimMax, layer.keyHeadDim());
      valueDimMax = Math.max(valueDimMax, layer.valueHeadDim());
    }
    head = new KvHeadView(layout);
    row = new RowAttention(keyDimMax, valueDimMax);
  }
}
