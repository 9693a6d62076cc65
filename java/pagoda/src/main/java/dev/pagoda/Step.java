package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.StepKernels;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * One forward pass over a ragged batch: tokens are appended to any number of sequences, decode rows
 * and prompt chunks mixed, their keys and values written layer by layer, and attention computed.
 *
 * <pre>
 *   append* -> begin -> (write, attend)* -> commit          lengths advance
 *                                        -> rollback, close  everything as before begin
 * </pre>
 *
 * <p>Rows of a step are sequence after sequence in the order of {@link #append}, each sequence's
 * tokens in order. After commit or rollback the step is empty and can be used again; once it has
 * seen its largest batch that allocates nothing.
 *
 * <p>Between begin and commit the sequences belong to the step: to fork, truncate or close one is
 * an {@link IllegalStateException}. Rows are borrowed for the length of a call.
 *
 * <p>Threads: one thread at a time, except {@link #writeToken} and {@link #attendToken}, which any
 * number may call at once between begin and commit, each for rows or heads of its own.
 */
public final class Step implements AutoCloseable {
  private final PagedKvCache cache;
  private final StepKernels kernels;
  private final IdlePool<AttendCall> leafAttends;
  private final IdlePool<WriteCall> leafWrites;
  private final Reservation reservation;
  private final RaggedBatch batch;
  private final WriteCall writeCall;
  private final AttendCall attendCall;
  // Rows written so far, per layer: a layer that was forgotten must not be committed.
  private final AtomicIntegerArray rowsWritten;
  private final boolean hasMemory;
  private volatile boolean begun;

  Step(PagedKvCache cache, Kernels kernels, KvStorage storage, IdlePool<Scratch> scratches) {
    this.cache = cache;
    batch = new RaggedBatch(storage.numBlocks());
    reservation = new Reservation(cache);
    leafAttends = new IdlePool<>(() -> new AttendCall(storage, batch));
    leafWrites = new IdlePool<>(() -> new WriteCall(storage, batch));
    writeCall = new WriteCall(storage, batch);
    attendCall = new AttendCall(storage, batch);
    this.kernels = kernels.newStep(writeCall, attendCall, scratches, cache.isDebug());
    hasMemory = storage.hasMemory();
    rowsWritten = new AtomicIntegerArray(hasMemory ? cache.shape().numLayers() : 0);
  }

  /**
   * Plans to append tokens to a sequence. Takes nothing yet.
   *
   * @param sequence an idle sequence of this cache, not yet in this step
   * @param numTokens tokens to append, at least 1
   * @return this step
   * @throws IllegalArgumentException if the sequence is another cache's or the number is out of
   *     range
   * @throws IllegalStateException if the step has begun
   */
  public Step append(KvSequence sequence, int numTokens) {
    requireBegun(false);
    reservation.add(sequence, numTokens);
    return this;
  }

  /**
   * Reserves a slot for every token, all or none, and copies the shared blocks that will be
   * written. If it throws, nothing has changed but that the plan is dropped: the step is empty.
   *
   * @return this step
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free blocks
   * @throws IllegalStateException if a sequence is closed, parked, in another step or twice in this
   *     one, or this step has begun
   */
  public Step begin() {
    requireBegun(false);
    reservation.reserve(batch, kernels);
    for (int i = 0; i < rowsWritten.length(); i++) {
      rowsWritten.set(i, 0);
    }
    begun = true;
    return this;
  }

  /**
   * Rows of this step.
   *
   * @return tokens of all sequences
   */
  public int numTokens() {
    requireBegun(true);
    return batch.numTokens();
  }

  /**
   * Position of a row's token in its sequence, for the rotary embedding for instance.
   *
   * @param tokenIndex row, {@code [0, numTokens)}
   * @return position, from 0
   */
  public int position(int tokenIndex) {
    requireBegun(true);
    requireToken(tokenIndex);
    return batch.positionOf(tokenIndex);
  }

  /**
   * Writes the keys and values of all rows of one layer, rounded to nearest even where the layer's
   * type is narrower. Must come before attention over that layer; writing twice overwrites.
   *
   * @param layer layer index
   * @param keys {@code [numTokens, numKvHeads * keyHeadDim]}, rotary embedding already applied
   * @param values {@code [numTokens, numKvHeads * valueHeadDim]}
   * @throws IllegalArgumentException if there is no such layer or the rows do not fit
   * @throws IllegalStateException if the step has not begun
   */
  public void write(int layer, Rows keys, Rows values) {
    write(layer, keys, values, Workers.caller());
  }

  /**
   * Writes the keys and values of all rows of one layer, on several threads.
   *
   * @param layer layer index
   * @param keys as in {@link #write(int, Rows, Rows)}
   * @param values as in {@link #write(int, Rows, Rows)}
   * @param workers threads to use; the bytes are the same for any
   * @throws IllegalArgumentException if there is no such layer or the rows do not fit
   * @throws IllegalStateException if the step has not begun
   */
  public void write(int layer, Rows keys, Rows values, Workers workers) {
    requireBegun(true);
    int numTokens = batch.numTokens();
    requireKeysAndValues(layer, keys, values, numTokens);
    writeCall.set(layer, keys, values);
    kernels.write(writeCall, workers.executor(), workers.numThreads());
    rowsWritten.set(layer, numTokens);
  }

  /**
   * Writes one row of one layer, for engines that have their own loop over tokens. Any number of
   * threads at once, each for other rows; each row once.
   *
   * @param layer layer index
   * @param tokenIndex row of the step and of {@code keys} and {@code values}
   * @param keys as in {@link #write(int, Rows, Rows)}
   * @param values as in {@link #write(int, Rows, Rows)}
   * @throws IllegalArgumentException if there is no such layer or row, or the rows do not fit
   * @throws IllegalStateException if the step has not begun
   */
  public void writeToken(int layer, int tokenIndex, Rows keys, Rows values) {
    requireBegun(true);
    requireToken(tokenIndex);
    requireKeysAndValues(layer, keys, values, tokenIndex + 1);
    WriteCall call = leafWrites.take();
    try {
      call.set(layer, keys, values);
      kernels.writeToken(call, tokenIndex);
    } finally {
      leafWrites.give(call);
    }
    rowsWritten.incrementAndGet(layer);
  }

  /**
   * Attention of every row over its context in one layer, on the calling thread.
   *
   * @param layer layer index, written before in this step
   * @param spec what to compute
   * @param queries {@code [numTokens, numQueryHeads * keyHeadDim]}
   * @param output {@code [numTokens, numQueryHeads * valueHeadDim]}, overwritten
   * @throws IllegalArgumentException if there is no such layer, the heads do not divide or the rows
   *     do not fit
   * @throws IllegalStateException if the step has not begun or the layer was not written
   */
  public void attend(int layer, AttentionSpec spec, Rows queries, Rows output) {
    requireAttend(layer, spec, queries, output, Rows.none(), batch.numTokens());
    attendCall.set(layer, spec, queries, output, Rows.none());
    kernels.attend(attendCall, Workers.caller().executor(), 1);
  }

  /**
   * Attention of every row over its context in one layer.
   *
   * @param layer layer index, written before in this step
   * @param spec what to compute
   * @param rows queries, output and LSE
   * @param workers threads to use; the result is the same bits for any
   * @throws IllegalArgumentException if there is no such layer, the heads do not divide or the rows
   *     do not fit
   * @throws IllegalStateException if the step has not begun or the layer was not written
   */
  public void attend(int layer, AttentionSpec spec, AttentionRows rows, Workers workers) {
    requireAttend(layer, spec, rows.queries(), rows.output(), rows.lse(), batch.numTokens());
    attendCall.set(layer, spec, rows.queries(), rows.output(), rows.lse());
    kernels.attend(attendCall, workers.executor(), workers.numThreads());
  }

  /**
   * Attention of one row over some KV heads, for engines that have their own parallel loop. Any
   * number of threads at once, each for other rows or heads; same bits as {@link #attend}.
   *
   * @param layer layer index, written before in this step
   * @param spec what to compute
   * @param rows queries, output and LSE
   * @param tokenIndex row of the step and of {@code rows}
   * @param kvHeads which KV heads, and with them the query heads that read them
   * @throws IllegalArgumentException if there is no such layer, row or head, the heads do not
   *     divide or the rows do not fit
   * @throws IllegalStateException if the step has not begun or the layer was not written
   */
  public void attendToken(
      int layer, AttentionSpec spec, AttentionRows rows, int tokenIndex, HeadRange kvHeads) {
    requireBegun(true);
    requireToken(tokenIndex);
    requireAttend(layer, spec, rows.queries(), rows.output(), rows.lse(), tokenIndex + 1);
    kvHeads.requireWithin(cache.shape().layer(layer).numKvHeads());
    AttendCall call = leafAttends.take();
    try {
      call.set(layer, spec, rows.queries(), rows.output(), rows.lse());
      kernels.attendToken(call, tokenIndex, kvHeads.first(), kvHeads.end());
    } finally {
      leafAttends.give(call);
    }
  }

  /**
   * Keeps the tokens: lengths advance, and the step is empty again.
   *
   * @throws IllegalStateException if the step has not begun, or a layer was not written: then
   *     nothing has changed and the step is still open
   */
  public void commit() {
    requireBegun(true);
    for (int layer = 0; layer < rowsWritten.length(); layer++) {
      requireWritten(layer);
    }
    end();
    reservation.commit();
  }

  /**
   * Drops the tokens: sequences and pool are as they were before {@link #begin}, and the step is
   * empty again.
   *
   * @throws IllegalStateException if the step has not begun
   */
  public void rollback() {
    requireBegun(true);
    reservation.rollback();
    end();
  }

  /** Rolls back if the step has begun, and drops the plan if not. The step can be used again. */
  @Override
  public void close() {
    if (begun) {
      rollback();
    } else {
      reservation.clear();
    }
  }

  private void end() {
    begun = false;
    kernels.end();
  }

  /**
   * What only this step's backend has: {@code dev.pagoda.cuda.CudaStep} on the CUDA backend.
   *
   * @param face the interface wanted
   * @param <T> the interface wanted
   * @return this step's backend, seen through that interface
   * @throws IllegalArgumentException if the backend has no such face
   */
  public <T> T unwrap(Class<T> face) {
    if (!face.isInstance(kernels)) {
      throw new IllegalArgumentException(
          "this step's backend has no such face: backend="
              + cache.backend().label()
              + ", face="
              + face.getName());
    }
    return face.cast(kernels);
  }

  private void requireBegun(boolean expected) {
    if (begun != expected) {
      throw new IllegalStateException(
          expected
              ? "the step has not begun: call begin() first: begun=false"
              : "the step has begun: commit or roll it back first: begun=true");
    }
  }

  private void requireToken(int tokenIndex) {
    if (tokenIndex < 0 || tokenIndex >= batch.numTokens()) {
      throw new IllegalArgumentException(
          "no such row: numTokens=" + batch.numTokens() + ", tokenIndex=" + tokenIndex);
    }
  }

  private void requireKeysAndValues(int layer, Rows keys, Rows values, int numRows) {
    requireMemory();
    LayerShape shape = cache.shape().layer(layer);
    keys.requireRows("keys", numRows, shape.numKvHeads() * shape.keyHeadDim());
    values.requireRows("values", numRows, shape.numKvHeads() * shape.valueHeadDim());
  }

  private void requireAttend(
      int layer, AttentionSpec spec, Rows queries, Rows output, Rows lse, int numRows) {
    requireBegun(true);
    requireMemory();
    LayerShape shape = cache.shape().layer(layer);
    int groupSize = spec.groupSize(shape);
    int numQueryHeads = groupSize * shape.numKvHeads();
    queries.requireRows("queries", numRows, numQueryHeads * shape.keyHeadDim());
    output.requireRows("output", numRows, numQueryHeads * shape.valueHeadDim());
    if (!(lse instanceof Rows.NoRows)) {
      lse.requireRows("lse", numRows, numQueryHeads);
    }
    requireWritten(layer);
  }

  private void requireMemory() {
    if (!hasMemory) {
      throw new IllegalStateException(
          "the cache counts blocks without memory, there is nothing to write or attend to: cache="
              + cache);
    }
  }

  private void requireWritten(int layer) {
    if (rowsWritten.get(layer) < batch.numTokens() && !kernels.writesEveryLayer()) {
      throw new IllegalStateException(
          "the layer's keys and values were not all written: layer="
              + layer
              + ", rowsWritten="
              + rowsWritten.get(layer)
              + ", numTokens="
              + batch.numTokens());
    }
  }
}
