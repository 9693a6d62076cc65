package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.CanonicalMath;
import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.RowAccess;
import dev.pagoda.internal.kernel.SpanStates;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Query rows that walk the context together, and what is known of each: the softmax state of the
 * span at hand, and that of all spans before.
 *
 * <p>Rows belong to neighbouring KV heads, as many rows for each; those of a head are ordered by
 * token, then by query head. So both ends of what they see only grow from row to row, and the rows
 * that see some position are neighbours. A row's place in memory is its <b>slot</b>:
 *
 * <pre>
 *   slot = headIndex * slotsPerHead + row      slotsPerHead: rows per head, rounded up
 * </pre>
 *
 * <p>Kernels take {@link #together} rows at once. Slots behind the last row of a head are computed
 * with the others, and nobody looks at what comes out.
 */
final class RowTile {
  final float[] memory;

  /** Takes what score kernels touched, so that no compiler finds the touching useless. */
  int touched;

  private final VectorScratch scratch;

  // Of each row of a head.
  private final int[] token = new int[VectorScratch.SLOTS];
  private final int[] groupIndex = new int[VectorScratch.SLOTS];
  private final int[] position = new int[VectorScratch.SLOTS];
  private final int[] firstVisible = new int[VectorScratch.SLOTS];
  private final int[] endVisible = new int[VectorScratch.SLOTS];

  // Of each slot.
  private final float[] spanMax = new float[VectorScratch.SLOTS];
  private final float[] totalMax = new float[VectorScratch.SLOTS];
  private final float[] totalSum = new float[VectorScratch.SLOTS];
  private final boolean[] hasSpan = new boolean[VectorScratch.SLOTS]; // saw some of the span

  private AttentionSpec spec = AttentionSpec.causal(1, 1f);
  private int together = ScoreKernel.ROWS;
  private int scoreRows = ScoreKernel.ROWS;
  private int groupSize;
  private int firstKvHead;
  private int numHeads;
  private int rowsPerHead;
  private int slotsPerHead;
  private int keyDim;
  private int valueDim;
  private int valueStride;
  private boolean everyRowSees; // something

  // Where the accumulators lie in memory.
  private int spanValues;
  private int totalValues;

  RowTile(VectorScratch scratch) {
    this.scratch = scratch;
    memory = scratch.memory;
    spanValues = scratch.spanValues;
    totalValues = scratch.totalValues;
  }

  /** KV heads that fit together with the rows of each that were taken in. */
  int headsAtOnce() {
    return Math.max(1, VectorScratch.SLOTS / slotsPerHead);
  }

  /**
   * Says what the next rows are of.
   *
   * @param newTogether how many rows the kernels take at once
   */
  void openCall(AttendCall call, LayerShape layer, int newTogether) {
    together = newTogether;
    scoreRows = together == 1 ? VectorScratch.SCORE_ROWS : together;
    spec = call.spec();
    groupSize = spec.groupSize(layer);
    keyDim = layer.keyHeadDim();
    valueDim = layer.valueHeadDim();
    valueStride = VectorScratch.valueStride(valueDim);
  }

  /**
   * Takes in rows of several heads, the same ones of each.
   *
   * @param firstToken token of row 0; a head's rows are counted from there, group by group
   * @param firstRow first of the rows taken
   * @param numRows how many, per head
   */
  void openRows(AttendCall call, int firstToken, int firstRow, int numRows) {
    RaggedBatch batch = call.batch();
    int contextLength = batch.contextLength(batch.sequenceOf(firstToken));
    rowsPerHead = numRows;
    slotsPerHead = Math.ceilDiv(numRows, together) * together;
    everyRowSees = true;
    for (int r = 0; r < numRows; r++) {
      token[r] = firstToken + (firstRow + r) / groupSize;
      groupIndex[r] = (firstRow + r) % groupSize;
      position[r] = batch.positionOf(token[r]);
      firstVisible[r] = spec.mask().firstVisible(position[r]);
      endVisible[r] = spec.mask().endVisible(position[r], contextLength);
      everyRowSees &= firstVisible[r] < endVisible[r];
    }
  }

  /** Says which heads the rows are of, and reads their queries. */
  void openHeads(AttendCall call, int newFirstKvHead, int newNumHeads) {
    firstKvHead = newFirstKvHead;
    numHeads = newNumHeads;
    int rowWidth = spec.numQueryHeads() * keyDim;
    for (int h = 0; h < numHeads; h++) {
      for (int r = 0; r < rowsPerHead; r++) {
        int slot = slot(h, r);
        totalMax[slot] = Float.NEGATIVE_INFINITY;
        totalSum[slot] = 0f;
        if (firstVisible[r] >= endVisible[r]) {
          RowKernel.zero(memory, totalValuesOf(slot), valueStride);
        }
        boolean isInterleaved = together == PanelScoreKernel.ROWS || !isAlone(r);
        RowAccess.read(
            call.queries(),
            token[r],
            rowWidth,
            queryHead(h, r) * keyDim,
            keyDim,
            memory,
            queriesOf(slot) + slot % together,
            isInterleaved ? together : 1);
      }
    }
  }

  /** Forgets the span before. */
  void openSpan() {
    Arrays.fill(hasSpan, 0, numHeads * slotsPerHead, false);
  }

  /**
   * Turns a row's scores into weights, relative to the maximum that it then has.
   *
   * @param slot the row's slot
   */
  void weigh(int slot) {
    int scores = scoresOf(slot);
    if (!hasSpan[slot]) {
      hasSpan[slot] = true;
      spanMax[slot] = WeightKernel.max(memory, scores, Float.NEGATIVE_INFINITY);
      RowKernel.zero(memory, sumsOf(slot), Lanes.GROUP);
      RowKernel.zero(memory, spanValuesOf(slot), valueStride);
    } else if (WeightKernel.exceeds(memory, scores, spanMax[slot] + CanonicalOrder.MAX_SLACK)) {
      float max = WeightKernel.max(memory, scores, spanMax[slot]);
      float factor = CanonicalMath.weight(spanMax[slot], max);
      RowKernel.scale(memory, sumsOf(slot), Lanes.GROUP, factor);
      RowKernel.scale(memory, spanValuesOf(slot), valueStride, factor);
      spanMax[slot] = max;
    }
    WeightKernel.weigh(memory, scores, sumsOf(slot), spanMax[slot]);
  }

  /** Merges the span, which starts at a position, into the rows that saw some of it. */
  void closeSpan(int spanStart) {
    int spanEnd = spanStart + CanonicalOrder.SPAN_TOKENS;
    if (everyRowSees && firstVisible() >= spanStart && firstVisible[rowsPerHead - 1] < spanEnd) {
      takeSpan();
      return;
    }
    for (int r = 0; r < rowsPerHead; r++) {
      if (endVisible[r] <= spanStart || firstVisible[r] >= spanEnd) {
        continue;
      }
      boolean isFirstSpan = firstVisible[r] >= spanStart;
      for (int h = 0; h < numHeads; h++) {
        int slot = slot(h, r);
        mergeSpan(slot, sumOf(slot), isFirstSpan);
      }
    }
  }

  /** Takes over the span, the first of all rows: accumulators are not copied but renamed. */
  private void takeSpan() {
    int before = totalValues;
    totalValues = spanValues;
    spanValues = before;
    for (int h = 0; h < numHeads; h++) {
      for (int r = 0; r < rowsPerHead; r++) {
        int slot = slot(h, r);
        totalMax[slot] = spanMax[slot];
        totalSum[slot] = sumOf(slot);
      }
    }
  }

  /** Size of what {@link #saveSpan} stores of a row: maximum, sum and values. */
  static int spanStateFloats(int valueDim) {
    return 2 + VectorScratch.valueStride(valueDim);
  }

  /** Stores the span instead of merging it. */
  void saveSpan(int spanStart, SpanStates states) {
    int spanEnd = spanStart + CanonicalOrder.SPAN_TOKENS;
    int span = spanStart / CanonicalOrder.SPAN_TOKENS;
    for (int r = 0; r < rowsPerHead; r++) {
      if (endVisible[r] <= spanStart || firstVisible[r] >= spanEnd) {
        continue;
      }
      for (int h = 0; h < numHeads; h++) {
        int slot = slot(h, r);
        int at = states.offset(token[r], queryHead(h, r), span);
        states.memory()[at] = spanMax[slot];
        states.memory()[at + 1] = sumOf(slot);
        System.arraycopy(memory, spanValuesOf(slot), states.memory(), at + 2, valueStride);
      }
    }
  }

  /** Merges a span that was stored, as {@link #closeSpan} does one that was just computed. */
  void mergeSavedSpan(int spanStart, SpanStates states) {
    int spanEnd = spanStart + CanonicalOrder.SPAN_TOKENS;
    int span = spanStart / CanonicalOrder.SPAN_TOKENS;
    for (int r = 0; r < rowsPerHead; r++) {
      if (endVisible[r] <= spanStart || firstVisible[r] >= spanEnd) {
        continue;
      }
      boolean isFirstSpan = firstVisible[r] >= spanStart;
      for (int h = 0; h < numHeads; h++) {
        int slot = slot(h, r);
        int at = states.offset(token[r], queryHead(h, r), span);
        spanMax[slot] = states.memory()[at];
        System.arraycopy(states.memory(), at + 2, memory, spanValuesOf(slot), valueStride);
        mergeSpan(slot, states.memory()[at + 1], isFirstSpan);
      }
    }
  }

  private float sumOf(int slot) {
    return CanonicalMath.sumLanes(memory, sumsOf(slot));
  }

  private void mergeSpan(int slot, float sum, boolean isFirstSpan) {
    int values = spanValuesOf(slot);
    int total = totalValuesOf(slot);
    if (isFirstSpan) {
      totalMax[slot] = spanMax[slot];
      totalSum[slot] = sum;
      System.arraycopy(memory, values, memory, total, valueStride);
      return;
    }
    float max = spanMax[slot] > totalMax[slot] ? spanMax[slot] : totalMax[slot];
    float factor = CanonicalMath.weight(totalMax[slot], max);
    float spanFactor = CanonicalMath.weight(spanMax[slot], max);
    RowKernel.merge(memory, total, factor, values, spanFactor, valueStride);
    totalSum[slot] = Math.fma(sum, spanFactor, totalSum[slot] * factor);
    totalMax[slot] = max;
  }

  /** Takes in the sinks and writes output and LSE. */
  void close(AttendCall call) {
    for (int h = 0; h < numHeads; h++) {
      for (int r = 0; r < rowsPerHead; r++) {
        int slot = slot(h, r);
        if (spec.hasSinks()) {
          mergeSink(slot, spec.sink(queryHead(h, r)));
        }
        writeResult(call, slot, token[r], queryHead(h, r));
      }
    }
  }

  private void mergeSink(int slot, float sink) {
    float max = sink > totalMax[slot] ? sink : totalMax[slot];
    float factor = CanonicalMath.weight(totalMax[slot], max);
    RowKernel.scale(memory, totalValuesOf(slot), valueStride, factor);
    totalSum[slot] = totalSum[slot] * factor + CanonicalMath.weight(sink, max);
    totalMax[slot] = max;
  }

  private void writeResult(AttendCall call, int slot, int row, int queryHead) {
    int numQueryHeads = spec.numQueryHeads();
    int total = totalValuesOf(slot);
    float factor = CanonicalMath.reciprocal(totalSum[slot]);
    RowKernel.scale(memory, total, valueStride, factor);
    RowAccess.write(
        memory,
        total,
        valueDim,
        call.output(),
        row,
        numQueryHeads * valueDim,
        queryHead * valueDim);
    if (!(call.lse() instanceof Rows.NoRows)) {
      float lse = CanonicalMath.lse(totalMax[slot], totalSum[slot]);
      RowAccess.writeElement(lse, call.lse(), row, numQueryHeads, queryHead);
    }
  }

  AttentionSpec spec() {
    return spec;
  }

  /** First position that some row sees. */
  int firstVisible() {
    return firstVisible[0];
  }

  /** Position behind the last one that some row sees. */
  int endVisible() {
    return endVisible[rowsPerHead - 1];
  }

  /** Rows that kernels take at once. */
  int together() {
    return together;
  }

  /** Whether no other row of its head is computed with a row. */
  boolean isAlone(int row) {
    return row % together == 0 && row == rowsPerHead - 1;
  }

  int numHeads() {
    return numHeads;
  }

  int rowsPerHead() {
    return rowsPerHead;
  }

  int position(int row) {
    return position[row];
  }

  int firstVisible(int row) {
    return firstVisible[row];
  }

  int endVisible(int row) {
    return endVisible[row];
  }

  int slot(int headIndex, int row) {
    return headIndex * slotsPerHead + row;
  }

  int queryHead(int headIndex, int row) {
    return (firstKvHead + headIndex) * groupSize + groupIndex[row];
  }

  /** Elements of a row's accumulators, a multiple of 16. */
  int valueStride() {
    return valueStride;
  }

  /** Where the interleaved queries start that a slot's is one of. */
  int queriesOf(int slot) {
    return scratch.queries + slot / together * keyDim * together;
  }

  int scoresOf(int slot) {
    return scratch.scores + slot % scoreRows * Lanes.TILE;
  }

  int spanValuesOf(int slot) {
    return spanValues + slot * valueStride;
  }

  /** Where packed keys and values lie, see {@link VectorScratch}. */
  MemorySegment panels() {
    return scratch.panels;
  }

  long keyPanel() {
    return scratch.keyPanel;
  }

  long valuePanel() {
    return scratch.valuePanel;
  }

  private int sumsOf(int slot) {
    return scratch.sums + slot * Lanes.GROUP;
  }

  private int totalValuesOf(int slot) {
    return totalValues + slot * valueStride;
  }
}
