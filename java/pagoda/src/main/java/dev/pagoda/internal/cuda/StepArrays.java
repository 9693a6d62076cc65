package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.StepRoom;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_update_words_params;
import dev.pagoda.internal.cuda.abi.pagoda_word_run;
import dev.pagoda.internal.kernel.RaggedBatch;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What the kernels of a step read of its batch, in device memory at one address.
 *
 * <pre>
 *   cumulative query lengths   int32 [seqRoom + 1]
 *   context lengths            int32 [seqRoom]
 *   positions                  int32 [tokenRoom]
 *   slot mapping               int64 [tokenRoom]
 *   block tables               int32 [seqRoom, stride]
 * </pre>
 *
 * <p>A step sends what has changed: all lengths, positions and slots, and of the block tables only
 * what differs from what the device has, which a copy on the host remembers. That is one
 * asynchronous copy from pinned memory and one launch that spreads it. When a batch does not fit,
 * the arrays are allocated anew, at least twice as large, and so move; {@link #generation} tells.
 *
 * <p>Footprint: the arrays once on the device, the block tables once on the heap, and four times
 * the largest update in pinned memory. One thread at a time.
 */
final class StepArrays {
  private static final int WORD = Integer.BYTES;
  private static final int RUN_BYTES = (int) pagoda_word_run.sizeof();
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  /** Runs of every update but those of block tables. */
  private static final int NUM_FIXED_RUNS = 4;

  private final DeviceQueue queue;
  private final CallMemory memory;
  private final MemorySegment params;
  private final int blockSize;
  private final int strideMax;
  private final StagingRing staging;

  private int seqRoom;
  private int tokenRoom;
  private int stride;
  private long generation;
  private long address;
  private long delta;
  private int[] tablesThere = new int[0]; // [seqRoom, stride] what the device has; -1 unknown
  private int[] changedFrom = new int[0]; // [seqRoom] first differing entry of a table, or -1

  /**
   * Allocates arrays.
   *
   * @param blockSize tokens per block
   * @param numBlocks blocks of the pool, more than any table has
   */
  StepArrays(DeviceQueue queue, CallMemory memory, StepRoom room, int blockSize, int numBlocks) {
    this.queue = queue;
    this.memory = memory;
    this.blockSize = blockSize;
    params = pagoda_update_words_params.allocate(queue.arena());
    strideMax = numBlocks;
    seqRoom = room.numSeqs();
    tokenRoom = room.numTokens();
    stride = Math.min(strideMax, Math.ceilDiv(room.contextTokens(), blockSize));
    staging = new StagingRing(queue, updateBytesMax(), memory);
    allocate();
  }

  private void allocate() {
    long newAddress = queue.allocateDevice(numWords() * WORD, memory);
    long newDelta = queue.allocateDevice(updateBytesMax(), memory);
    staging.ensure(updateBytesMax(), memory);
    // All bits set: a block id of -1, which no pool has.
    queue.fill(newAddress, numWords() * WORD, 0xff, memory);
    address = newAddress;
    delta = newDelta;
    tablesThere = new int[Math.multiplyExact(seqRoom, stride)];
    Arrays.fill(tablesThere, -1);
    changedFrom = new int[seqRoom];
    generation++;
  }

  private long lengthsWord() {
    return seqRoom + 1L;
  }

  private long positionsWord() {
    return lengthsWord() + seqRoom;
  }

  private long slotsWord() {
    long word = positionsWord() + tokenRoom;
    return word + word % 2; // slots are 64-bit
  }

  private long tablesWord() {
    return slotsWord() + 2L * tokenRoom;
  }

  private long numWords() {
    return tablesWord() + (long) seqRoom * stride;
  }

  private long updateBytesMax() {
    return (long) (NUM_FIXED_RUNS + seqRoom) * RUN_BYTES + (numWords() + 2) * WORD;
  }

  /** Changes when the arrays have moved. */
  long generation() {
    return generation;
  }

  int stride() {
    return stride;
  }

  long cumulativeAddress() {
    return address;
  }

  long lengthsAddress() {
    return address + lengthsWord() * WORD;
  }

  long positionsAddress() {
    return address + positionsWord() * WORD;
  }

  long slotsAddress() {
    return address + slotsWord() * WORD;
  }

  long tablesAddress() {
    return address + tablesWord() * WORD;
  }

  /** Queues the update for a batch. */
  void update(RaggedBatch batch) {
    ensure(batch);
    int numTableRuns = compareTables(batch);
    queue.enter(memory);
    try {
      MemorySegment staged = staging.take(memory);
      int numRuns = NUM_FIXED_RUNS + numTableRuns;
      long numBytes = write(staged, batch, numRuns);
      pagoda_update_words_params.staged(params, staged.address());
      pagoda_update_words_params.delta(params, delta);
      pagoda_update_words_params.target(params, address);
      pagoda_update_words_params.num_target_words(params, numWords());
      pagoda_update_words_params.num_bytes(params, numBytes);
      pagoda_update_words_params.num_runs(params, numRuns);
      queue.check(
          "pagoda_update_words",
          pagoda_h.pagoda_update_words(params, queue.stream(), memory.error()),
          memory);
      staging.queued(memory);
    } catch (Throwable refused) {
      Arrays.fill(tablesThere, -1); // who knows what arrived
      throw refused;
    } finally {
      queue.leave(memory);
    }
  }

  private void ensure(RaggedBatch batch) {
    int numSeqs = batch.numSeqs();
    int blocksMax = 1;
    for (int i = 0; i < numSeqs; i++) {
      blocksMax = Math.max(blocksMax, numBlocks(batch, i));
    }
    if (numSeqs > seqRoom || batch.numTokens() > tokenRoom || blocksMax > stride) {
      int seqsBefore = seqRoom;
      int tokensBefore = tokenRoom;
      int strideBefore = stride;
      seqRoom = grown(seqRoom, numSeqs);
      tokenRoom = grown(tokenRoom, batch.numTokens());
      stride = Math.min(strideMax, grown(stride, blocksMax));
      try {
        allocate();
      } catch (Throwable refused) {
        seqRoom = seqsBefore;
        tokenRoom = tokensBefore;
        stride = strideBefore;
        throw refused;
      }
    }
  }

  private static int grown(int room, int needed) {
    return needed <= room ? room : Math.max(needed, 2 * room);
  }

  private int numBlocks(RaggedBatch batch, int seqIndex) {
    return Math.ceilDiv(batch.contextLength(seqIndex), blockSize);
  }

  /** Finds out which tables differ from what the device has; returns how many. */
  private int compareTables(RaggedBatch batch) {
    int[] ids = batch.blockIds();
    int numDiffering = 0;
    for (int i = 0; i < batch.numSeqs(); i++) {
      int start = batch.tableStart(i);
      int row = i * stride;
      int numBlocks = numBlocks(batch, i);
      int from = Arrays.mismatch(tablesThere, row, row + numBlocks, ids, start, start + numBlocks);
      changedFrom[i] = from;
      if (from >= 0) {
        numDiffering++;
      }
    }
    return numDiffering;
  }

  private long write(MemorySegment staged, RaggedBatch batch, int numRuns) {
    int numSeqs = batch.numSeqs();
    int numTokens = batch.numTokens();
    long at = (long) numRuns * RUN_BYTES;
    int run = 0;

    putRun(staged, run++, 0, at, numSeqs + 1);
    for (int i = 0; i < numSeqs; i++) {
      staged.set(INT, at + (long) i * WORD, batch.queryStart(i));
    }
    at += (long) numSeqs * WORD;
    staged.set(INT, at, numTokens);
    at += WORD;

    putRun(staged, run++, lengthsWord(), at, numSeqs);
    for (int i = 0; i < numSeqs; i++) {
      staged.set(INT, at + (long) i * WORD, batch.contextLength(i));
    }
    at += (long) numSeqs * WORD;

    putRun(staged, run++, positionsWord(), at, numTokens);
    putRun(staged, run++, slotsWord(), at + (long) numTokens * WORD, 2 * numTokens);
    writeTokens(staged, batch, at);
    at += 3L * numTokens * WORD;

    int[] ids = batch.blockIds();
    for (int i = 0; i < numSeqs; i++) {
      int from = changedFrom[i];
      if (from >= 0) {
        int count = numBlocks(batch, i) - from;
        int source = batch.tableStart(i) + from;
        int there = i * stride + from;
        putRun(staged, run++, tablesWord() + there, at, count);
        MemorySegment.copy(ids, source, staged, INT, at, count);
        System.arraycopy(ids, source, tablesThere, there, count);
        at += (long) count * WORD;
      }
    }
    return at;
  }

  private void writeTokens(MemorySegment staged, RaggedBatch batch, long positionsAt) {
    long slotsAt = positionsAt + (long) batch.numTokens() * WORD;
    int[] ids = batch.blockIds();
    for (int i = 0; i < batch.numSeqs(); i++) {
      int firstToken = batch.queryStart(i);
      int queryLength = batch.queryLength(i);
      int position = batch.contextLength(i) - queryLength;
      int table = batch.tableStart(i);
      int blockIndex = position / blockSize;
      int offset = position - blockIndex * blockSize;
      for (int token = firstToken; token < firstToken + queryLength; token++) {
        long slot = (long) ids[table + blockIndex] * blockSize + offset;
        staged.set(INT, positionsAt + (long) token * WORD, position);
        staged.set(LONG, slotsAt + 2L * token * WORD, slot);
        position++;
        offset++;
        if (offset == blockSize) {
          offset = 0;
          blockIndex++;
        }
      }
    }
  }

  private static void putRun(
      MemorySegment staged, int run, long targetWord, long sourceBytes, int numWords) {
    long at = (long) run * RUN_BYTES;
    staged.set(LONG, at, targetWord);
    staged.set(INT, at + Long.BYTES, Math.toIntExact(sourceBytes / WORD));
    staged.set(INT, at + Long.BYTES + Integer.BYTES, numWords);
  }
}
