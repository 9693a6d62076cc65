package dev.pagoda.testing;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.AttentionCase.SequenceShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.random.RandomGenerator;

/**
 * A case made real: numbers, and a pool that holds its keys and values in shuffled blocks, with
 * garbage wherever no token lives.
 *
 * <p>The numbers follow from the case alone, where they lie from {@link Placement}. Closes its
 * pool.
 */
public final class PagedInputs implements AutoCloseable {
  private static final int SPARE_BLOCKS = 3;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final float[] SPECIAL_NUMBERS = {
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    0f,
    -0f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    65504f, // FP16's largest
    -0x1p-15f, // subnormal in FP16, as is its smallest
    0x1p-24f
  };

  /** What unowned slots hold. */
  public enum Garbage {
    ZERO,
    NAN,
    INFINITY
  }

  /** Where blocks lie in the pool, and what lies beside them. */
  public record Placement(long shuffleSeed, Garbage garbage) {}

  private final AttentionCase shape;
  private final KvLayout layout;
  private final HostStorage storage;
  private final int[][] blockTables;
  private final float[][] keys; // per sequence [contextLength, numKvHeads * keyDim]
  private final float[][] values; // per sequence [contextLength, numKvHeads * valueDim]
  private final TypedRows queries;

  public PagedInputs(AttentionCase shape, Placement placement, Kernels writer) {
    this.shape = shape;
    layout = shape.layout();
    int numSeqs = shape.sequences().size();
    blockTables = new int[numSeqs][];
    keys = new float[numSeqs][];
    values = new float[numSeqs][];
    storage = HostStorage.allocate(layout, placeBlocks(placement.shuffleSeed()));
    fillWithGarbage(placement.garbage());
    writeContexts(writer);
    queries = queryRows();
  }

  /** Distinct random block ids for every sequence; returns the capacity they come from. */
  private int placeBlocks(long shuffleSeed) {
    int numBlocks = SPARE_BLOCKS;
    for (SequenceShape sequence : shape.sequences()) {
      numBlocks += layout.shape().blocksFor(sequence.contextLength());
    }
    int[] ids = new int[numBlocks];
    RandomGenerator random = Seeds.generator(shuffleSeed, "blocks");
    for (int i = 0; i < numBlocks; i++) {
      int other = random.nextInt(i + 1);
      ids[i] = ids[other];
      ids[other] = i;
    }
    int next = 0;
    for (int s = 0; s < blockTables.length; s++) {
      int needed = layout.shape().blocksFor(shape.sequences().get(s).contextLength());
      blockTables[s] = new int[needed];
      System.arraycopy(ids, next, blockTables[s], 0, needed);
      next += needed;
    }
    return numBlocks;
  }

  private void fillWithGarbage(Garbage garbage) {
    LayerShape layer = layout.shape().layer(AttentionCase.LAYER);
    int blockSize = layout.shape().blockSize();
    for (int block = 0; block < storage.numBlocks(); block++) {
      for (int kvHead = 0; kvHead < layer.numKvHeads(); kvHead++) {
        fill(
            layout.keyTileOffset(block, AttentionCase.LAYER, kvHead),
            blockSize * layer.keyHeadDim(),
            layer.keyDType(),
            garbage);
        fill(
            layout.valueTileOffset(block, AttentionCase.LAYER, kvHead),
            blockSize * layer.valueHeadDim(),
            layer.valueDType(),
            garbage);
      }
    }
  }

  private void fill(long offsetBytes, int count, DType dtype, Garbage garbage) {
    MemorySegment tile = storage.segment().asSlice(offsetBytes, (long) count * dtype.byteSize());
    if (garbage == Garbage.ZERO) {
      tile.fill((byte) 0);
      return;
    }
    boolean isNan = garbage == Garbage.NAN;
    for (int i = 0; i < count; i++) {
      switch (dtype) {
        case FP32 -> tile.set(INT, 4L * i, isNan ? 0x7fc00000 : 0x7f800000);
        case FP16 -> tile.set(SHORT, 2L * i, (short) (isNan ? 0x7e00 : 0x7c00));
        case BF16 -> tile.set(SHORT, 2L * i, (short) (isNan ? 0x7fc0 : 0x7f80));
      }
    }
  }

  private void writeContexts(Kernels writer) {
    LayerShape layer = layout.shape().layer(AttentionCase.LAYER);
    int keyWidth = layer.numKvHeads() * layer.keyHeadDim();
    int valueWidth = layer.numKvHeads() * layer.valueHeadDim();
    RaggedBatch batch = new RaggedBatch(0);
    TypedRows keyRows = new TypedRows(shape.rowForm(), shape.numContextTokens(), keyWidth);
    TypedRows valueRows = new TypedRows(shape.rowForm(), shape.numContextTokens(), valueWidth);
    int row = 0;
    for (int s = 0; s < blockTables.length; s++) {
      int contextLength = shape.sequences().get(s).contextLength();
      RandomGenerator random = Seeds.generator(shape.seed(), "context " + s);
      keys[s] = new float[contextLength * keyWidth];
      values[s] = new float[contextLength * valueWidth];
      for (int position = 0; position < contextLength; position++) {
        drawRow(random, keyRows, row, keys[s], position, keyWidth, layer.keyDType());
        drawRow(random, valueRows, row, values[s], position, valueWidth, layer.valueDType());
        row++;
      }
      if (contextLength > 0) {
        addSequence(batch, s, contextLength, contextLength);
      }
    }
    WriteCall call = new WriteCall(storage, batch);
    call.set(AttentionCase.LAYER, keyRows.rows(), valueRows.rows());
    writer.write(call, 0, batch.numTokens());
  }

  /** Draws a row and keeps what is left of it after both roundings: the caller's and the pool's. */
  private void drawRow(
      RandomGenerator random,
      TypedRows rows,
      int row,
      float[] kept,
      int position,
      int width,
      DType dtype) {
    for (int i = 0; i < width; i++) {
      rows.set(row, i, draw(random, 2f));
      kept[position * width + i] = rounded(rows.get(row, i), dtype);
    }
  }

  private float draw(RandomGenerator random, float bound) {
    if (shape.specialRarity() > 0 && random.nextInt(shape.specialRarity()) == 0) {
      return SPECIAL_NUMBERS[random.nextInt(SPECIAL_NUMBERS.length)];
    }
    return random.nextFloat(-bound, bound);
  }

  private static float rounded(float value, DType dtype) {
    return switch (dtype) {
      case FP32 -> value;
      case FP16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> BFloat16.toFloat(BFloat16.fromFloat(value));
    };
  }

  private TypedRows queryRows() {
    int width = shape.numQueryHeads() * shape.keyDim();
    TypedRows rows = new TypedRows(shape.rowForm(), shape.numTokens(), width);
    int row = 0;
    for (int s = 0; s < blockTables.length; s++) {
      // Drawn by position, so that a sequence's rows do not depend on how many there are.
      SequenceShape sequence = shape.sequences().get(s);
      int firstPosition = sequence.contextLength() - sequence.queryLength();
      for (int i = 0; i < sequence.queryLength(); i++) {
        RandomGenerator random =
            Seeds.generator(shape.seed(), "query " + s + " " + (firstPosition + i));
        for (int e = 0; e < width; e++) {
          rows.set(row, e, shape.queryScale() * draw(random, 1f));
        }
        row++;
      }
    }
    return rows;
  }

  private void addSequence(RaggedBatch batch, int s, int queryLength, int contextLength) {
    int numBlocks = layout.shape().blocksFor(contextLength);
    int start = batch.addSequence(queryLength, contextLength, numBlocks);
    System.arraycopy(blockTables[s], 0, batch.blockIds(), start, numBlocks);
  }

  /** The whole step as one batch, the block table as short as it can be. */
  public RaggedBatch batch() {
    RaggedBatch batch = new RaggedBatch(0);
    for (int s = 0; s < blockTables.length; s++) {
      SequenceShape sequence = shape.sequences().get(s);
      if (sequence.queryLength() > 0) {
        addSequence(batch, s, sequence.queryLength(), sequence.contextLength());
      }
    }
    return batch;
  }

  /**
   * Computes rows {@code [firstQuery, endQuery)} of one sequence, alone, as if its later tokens
   * were not in the cache yet.
   */
  public void attendChunk(
      Kernels kernels, int s, int firstQuery, int endQuery, TypedRows output, TypedRows lse) {
    if (firstQuery == endQuery) {
      return;
    }
    SequenceShape sequence = shape.sequences().get(s);
    int contextLength = sequence.contextLength() - sequence.queryLength() + endQuery;
    RaggedBatch batch = new RaggedBatch(0);
    addSequence(batch, s, endQuery - firstQuery, contextLength);
    int firstRow = firstQuery;
    for (int i = 0; i < s; i++) {
      firstRow += shape.sequences().get(i).queryLength();
    }
    AttendCall call = new AttendCall(storage, batch);
    call.set(
        AttentionCase.LAYER,
        shape.spec(),
        queries.rowsFrom(firstRow),
        output.rowsFrom(firstRow),
        shape.wantsLse() ? lse.rowsFrom(firstRow) : Rows.none());
    int numRows = endQuery - firstQuery;
    kernels.attend(call, 0, numRows, 0, shape.numKvHeads(), kernels.newScratch(layout));
  }

  /** Computes the whole step in one call per sequence. */
  public AttentionResult attend(Kernels kernels) {
    RaggedBatch batch = batch();
    TypedRows output = newOutput();
    TypedRows lse = newLse();
    AttendCall call = newCall(batch, output, lse);
    Scratch scratch = kernels.newScratch(layout);
    for (int s = 0; s < batch.numSeqs(); s++) {
      int first = batch.queryStart(s);
      kernels.attend(call, first, first + batch.queryLength(s), 0, shape.numKvHeads(), scratch);
    }
    return result(output, lse);
  }

  public AttendCall newCall(RaggedBatch batch, TypedRows output, TypedRows lse) {
    AttendCall call = new AttendCall(storage, batch);
    Rows lseRows = shape.wantsLse() ? lse.rows() : Rows.none();
    call.set(AttentionCase.LAYER, shape.spec(), queries.rows(), output.rows(), lseRows);
    return call;
  }

  /** Rewrites the tokens of a batch, with numbers of no meaning. */
  public WriteCall newWriteCall(RaggedBatch batch) {
    WriteCall call = new WriteCall(storage, batch);
    LayerShape layer = layout.shape().layer(AttentionCase.LAYER);
    int numTokens = batch.numTokens();
    int keyWidth = layer.numKvHeads() * layer.keyHeadDim();
    int valueWidth = layer.numKvHeads() * layer.valueHeadDim();
    call.set(
        AttentionCase.LAYER,
        new TypedRows(shape.rowForm(), numTokens, keyWidth).rows(),
        new TypedRows(shape.rowForm(), numTokens, valueWidth).rows());
    return call;
  }

  public TypedRows newOutput() {
    return new TypedRows(
        shape.rowForm(), shape.numTokens(), shape.numQueryHeads() * shape.valueDim());
  }

  /** LSE is FP32 whatever the rest is. */
  public TypedRows newLse() {
    return new TypedRows(TypedRows.Form.SEGMENT_FP32, shape.numTokens(), shape.numQueryHeads());
  }

  public AttentionResult result(TypedRows output, TypedRows lse) {
    return new AttentionResult(
        output.toArray(shape.numTokens()),
        shape.wantsLse() ? lse.toArray(shape.numTokens()) : new float[0]);
  }

  public AttentionCase shape() {
    return shape;
  }

  public KvLayout layout() {
    return layout;
  }

  public HostStorage storage() {
    return storage;
  }

  public TypedRows queries() {
    return queries;
  }

  /** Keys of a sequence as the pool holds them, {@code [contextLength, numKvHeads * keyDim]}. */
  public float[] keys(int s) {
    return keys[s];
  }

  /** Values of a sequence, {@code [contextLength, numKvHeads * valueDim]}. */
  public float[] values(int s) {
    return values[s];
  }

  @Override
  public void close() {
    storage.close();
  }
}
