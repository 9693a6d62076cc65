package dev.pagoda.lab.attention;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Puts the free blocks of a cache into a random order, as hours of traffic would.
 *
 * <p>A fresh cache hands out neighbours, which flatters paging. Here a sequence takes each free
 * block, and they close in random order: the pool hands out last what was freed first.
 */
public final class ShuffledBlocks {
  private ShuffledBlocks() {}

  /**
   * Shuffles. Sequences that are open keep their blocks.
   *
   * @param cache whose free blocks
   * @param seed same seed and same cache, same order
   */
  public static void shuffle(PagedKvCache cache, long seed) {
    int numFree = cache.statistics().blocks().numFree();
    List<KvSequence> holders = new ArrayList<>(numFree);
    try (Step step = cache.newStep()) {
      for (int i = 0; i < numFree; i++) {
        KvSequence holder = cache.newSequence();
        holders.add(holder);
        step.append(holder, 1);
      }
      if (numFree > 0) {
        step.begin();
        writeZeros(step, cache);
        step.commit();
      }
    }
    Collections.shuffle(holders, new Random(seed));
    holders.forEach(KvSequence::close);
  }

  private static void writeZeros(Step step, PagedKvCache cache) {
    int sharedRow = 0; // a row stride of 0: every row is the same one
    for (int layer = 0; layer < cache.shape().numLayers(); layer++) {
      LayerShape shape = cache.shape().layer(layer);
      float[] zeros =
          new float[shape.numKvHeads() * Math.max(shape.keyHeadDim(), shape.valueHeadDim())];
      Rows rows = Rows.of(zeros, 0, sharedRow);
      step.write(layer, rows, rows);
    }
  }
}
