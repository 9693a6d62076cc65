package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Runs one attention call over a whole batch, on the caller's thread and on those an executor
 * lends.
 *
 * <p>The batch is cut into units of (query tile, KV heads), and where those are too few, of (query
 * tile, KV heads, span of the context); threads take units until none is left, and whoever computes
 * the last span of a tile merges them. How it is cut and who takes what does not change a bit of
 * the result, see {@link CanonicalOrder}.
 *
 * <p>What {@link ParallelUnits} guarantees holds; nothing is allocated once the batch size has been
 * seen.
 */
public final class ParallelAttend extends ParallelUnits {
  /** Units per thread that even out what each takes. */
  private static final int UNITS_PER_THREAD = 4;

  private final Kernels kernels;
  private final AttendCall call;
  private final IdlePool<Scratch> scratches;

  private int[] tileStarts = new int[9]; // [numSeqs + 1] cumulative query tiles
  private int numUnits;
  private int queryTileTokens;
  private int unitsPerTile;
  private int kvHeadsPerUnit;
  private int numSpans; // units that a tile's heads are cut into; 1: not cut
  private final SpanStates states = new SpanStates();
  private AtomicIntegerArray spansLeft = new AtomicIntegerArray(0); // per tile and head range

  public ParallelAttend(Kernels kernels, AttendCall call, IdlePool<Scratch> scratches) {
    this.kernels = kernels;
    this.call = call;
    this.scratches = scratches;
  }

  /**
   * Computes every row of the call's batch.
   *
   * @param executor lends threads
   * @param numThreads threads to use, the caller's included; 1 does not ask the executor
   */
  public void run(Executor executor, int numThreads) {
    cut(numThreads);
    run(executor, numThreads, numUnits);
  }

  private void cut(int numThreads) {
    RaggedBatch batch = call.batch();
    int numSeqs = batch.numSeqs();
    if (tileStarts.length <= numSeqs) {
      tileStarts = new int[2 * numSeqs + 1];
    }
    queryTileTokens = kernels.queryTileTokens(call);
    for (int i = 0; i < numSeqs; i++) {
      tileStarts[i + 1] = tileStarts[i] + Math.ceilDiv(batch.queryLength(i), queryTileTokens);
    }
    int numKvHeads = call.storage().layout().shape().layer(call.layer()).numKvHeads();
    int numTiles = tileStarts[numSeqs];
    int wanted = UNITS_PER_THREAD * numThreads;
    // All heads of a tile in one unit read a block while it is at hand; single heads spread better.
    boolean enoughTiles = numThreads == 1 || numTiles / 8 >= numThreads;
    int spans = enoughTiles ? 1 : spansOfLongest(batch);
    if (spans > 1 && canSplit(batch, spans)) {
      numSpans = spans;
      kvHeadsPerUnit = numTiles * spans >= wanted ? numKvHeads : 1;
    } else {
      numSpans = 1;
      kvHeadsPerUnit = enoughTiles ? numKvHeads : 1;
    }
    int partsPerTile = numKvHeads / kvHeadsPerUnit;
    unitsPerTile = partsPerTile * numSpans;
    numUnits = Math.multiplyExact(numTiles, unitsPerTile);
    if (numSpans > 1) {
      int numParts = numTiles * partsPerTile;
      if (spansLeft.length() < numParts) {
        spansLeft = new AtomicIntegerArray(2 * numParts);
      }
      for (int i = 0; i < numParts; i++) {
        spansLeft.setPlain(i, numSpans);
      }
    }
  }

  private static int spansOfLongest(RaggedBatch batch) {
    int longest = 0;
    for (int i = 0; i < batch.numSeqs(); i++) {
      longest = Math.max(longest, batch.contextLength(i));
    }
    return Math.ceilDiv(longest, CanonicalOrder.SPAN_TOKENS);
  }

  private boolean canSplit(RaggedBatch batch, int spans) {
    int stateFloats = kernels.spanStateFloats(call);
    int numQueryHeads = call.spec().numQueryHeads();
    return stateFloats > 0 && states.open(batch.numTokens(), numQueryHeads, spans, stateFloats);
  }

  @Override
  void takeUnits() {
    Scratch scratch = scratches.take();
    try {
      for (int unit = nextUnit(); unit >= 0; unit = nextUnit()) {
        attend(unit / unitsPerTile, unit % unitsPerTile, scratch);
      }
    } catch (Throwable thrown) {
      fail(thrown);
    } finally {
      scratches.give(scratch);
    }
  }

  private void attend(int tile, int unit, Scratch scratch) {
    int part = unit / numSpans;
    int firstKvHead = part * kvHeadsPerUnit;
    int endKvHead = firstKvHead + kvHeadsPerUnit;
    RaggedBatch batch = call.batch();
    int seqIndex = sequenceOfTile(tile, batch.numSeqs());
    int firstQuery = (tile - tileStarts[seqIndex]) * queryTileTokens;
    int endQuery = Math.min(firstQuery + queryTileTokens, batch.queryLength(seqIndex));
    int first = batch.queryStart(seqIndex) + firstQuery;
    int end = batch.queryStart(seqIndex) + endQuery;
    if (numSpans == 1) {
      kernels.attend(call, first, end, firstKvHead, endKvHead, scratch);
      return;
    }
    int span = unit % numSpans;
    kernels.attendSpan(call, first, end, firstKvHead, endKvHead, span, states, scratch);
    int partIndex = tile * (unitsPerTile / numSpans) + part;
    if (spansLeft.decrementAndGet(partIndex) == 0) {
      kernels.mergeSpans(call, first, end, firstKvHead, endKvHead, states, scratch);
    }
  }

  private int sequenceOfTile(int tile, int numSeqs) {
    int low = 0;
    int high = numSeqs - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (tileStarts[middle] <= tile) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
