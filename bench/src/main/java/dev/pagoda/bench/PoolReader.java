package dev.pagoda.bench;

import dev.pagoda.KvSequence;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Reads what attention over a layer must read, in the same order, and does nothing with it. */
final class PoolReader {
  private static final VectorSpecies<Long> SPECIES = LongVector.SPECIES_PREFERRED;
  private static final int STREAMS = 4;
  private static final long CHUNK_BYTES = 1L << 20;
  private static final long MEASURED_BYTES = 64L << 20; // at least, of a layer read again and again

  private final MemorySegment pool;
  private final KvLayout layout;
  private final int[][] tables;

  /** Keeps what streams summed, so that no compiler finds reading useless. */
  long sink;

  PoolReader(AttentionFixture fixture) {
    pool = fixture.pool;
    layout = fixture.cache.layout();
    tables = fixture.sequences.stream().map(KvSequence::blockIds).toArray(int[][]::new);
  }

  /** Sums all keys and values of a layer as 64-bit integers. */
  private long readLayer(int layer) {
    LayerShape shape = layout.shape().layer(layer);
    // All heads of a block lie behind one another, keys before values.
    long keyBytes = layout.valueTileOffset(0, layer, 0) - layout.keyTileOffset(0, layer, 0);
    long valueBytes =
        shape.numKvHeads()
            * (layout.valueTileOffset(0, layer, 1) - layout.valueTileOffset(0, layer, 0));
    long sum = 0;
    for (int[] table : tables) {
      for (int blockId : table) {
        sum += read(layout.keyTileOffset(blockId, layer, 0), keyBytes + valueBytes);
      }
    }
    return sum;
  }

  /** Reads each layer, as calls go round them, and says how long one took, in microseconds. */
  double layerMicros() {
    int numLayers = layout.shape().numLayers();
    long rounds = Math.max(1, MEASURED_BYTES / pool.byteSize());
    long start = System.nanoTime();
    for (long round = 0; round < rounds; round++) {
      for (int layer = 0; layer < numLayers; layer++) {
        sink += readLayer(layer);
      }
    }
    return (System.nanoTime() - start) / 1e3 / (rounds * numLayers);
  }

  /** Reads the whole pool from end to end, four streams, and says how fast, in GB/s. */
  double streamGigabytesPerSecond() {
    long byteSize = pool.byteSize() / CHUNK_BYTES * CHUNK_BYTES;
    long start = System.nanoTime();
    for (long at = 0; at < byteSize; at += CHUNK_BYTES) {
      sink += read(at, CHUNK_BYTES);
    }
    return (double) byteSize / (System.nanoTime() - start);
  }

  /** Four streams at once: one alone leaves memory idle between misses. */
  private long read(long offset, long byteSize) {
    long streamBytes = byteSize / STREAMS;
    LongVector sum0 = LongVector.zero(SPECIES);
    LongVector sum1 = sum0;
    LongVector sum2 = sum0;
    LongVector sum3 = sum0;
    for (long i = offset; i < offset + streamBytes; i += SPECIES.vectorByteSize()) {
      sum0 = sum0.add(vector(i));
      sum1 = sum1.add(vector(i + streamBytes));
      sum2 = sum2.add(vector(i + 2 * streamBytes));
      sum3 = sum3.add(vector(i + 3 * streamBytes));
    }
    return sum0.add(sum1).add(sum2.add(sum3)).reduceLanes(VectorOperators.ADD);
  }

  private LongVector vector(long offset) {
    return LongVector.fromMemorySegment(SPECIES, pool, offset, ByteOrder.nativeOrder());
  }
}
