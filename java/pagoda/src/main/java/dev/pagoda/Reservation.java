package dev.pagoda;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockTable;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.StepKernels;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The blocks of one step: which sequences grow by how much, which new blocks that takes, and how to
 * take it back.
 *
 * <p>A sequence whose last block is partly filled and shared gets a copy of it. The original keeps
 * its reference until the step commits, so that a rollback finds it whatever the other sharers do
 * meanwhile. Where all n sharers of a block are in the step, the longest writes in place, behind
 * what a rollback gives back to the others: n - 1 copies.
 *
 * <pre>
 *   sequences, numAppended   [numEntries]   the plan
 *   tableSizes               [numEntries]   length of each table before
 *   originals                [numEntries]   the shared block a copy stands in for, or NONE
 *   numSharers               [numEntries]   sharers of the block this entry may write in place
 *   promises, numPromised    [numEntries]   whose reserved blocks an entry takes, and how many
 *   handles                  [numNew]       new blocks: reserved, free, given up for this step
 *   sources, targets         [numCopies]    block copies
 * </pre>
 */
final class Reservation {
  private final PagedKvCache cache;
  private KvSequence[] sequences = new KvSequence[8];
  private int[] numAppended = new int[8];
  private int[] tableSizes = new int[8];
  private long[] originals = new long[8];
  private int[] numSharers = new int[8];
  private BlockReservation[] promises = new BlockReservation[8];
  private int[] numPromised = new int[8];
  private long[] handles = new long[8];
  private int[] sources = new int[8];
  private int[] targets = new int[8];
  private int numEntries;
  private int numNew;
  private int numFromPromises;
  private int numReclaimed;

  Reservation(PagedKvCache cache) {
    this.cache = cache;
  }

  void add(KvSequence sequence, int numTokens) {
    if (sequence.cache() != cache) {
      throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
    }
    if (numTokens < 1 || numTokens > Integer.MAX_VALUE - sequence.length()) {
      throw new IllegalArgumentException(
          "a step appends at least one token and no more than an int counts: length="
              + sequence.length()
              + ", numTokens="
              + numTokens);
    }
    if (numEntries == sequences.length) {
      // The array that says how many there is room for comes last: all others are long enough then.
      numAppended = Arrays.copyOf(numAppended, 2 * numEntries);
      tableSizes = Arrays.copyOf(tableSizes, 2 * numEntries);
      originals = Arrays.copyOf(originals, 2 * numEntries);
      numSharers = Arrays.copyOf(numSharers, 2 * numEntries);
      promises = Arrays.copyOf(promises, 2 * numEntries);
      numPromised = Arrays.copyOf(numPromised, 2 * numEntries);
      sources = Arrays.copyOf(sources, 2 * numEntries);
      targets = Arrays.copyOf(targets, 2 * numEntries);
      sequences = Arrays.copyOf(sequences, 2 * numEntries);
    }
    sequences[numEntries] = sequence;
    numAppended[numEntries] = numTokens;
    numEntries++;
  }

  /** All or nothing; on failure the plan is dropped as well. */
  void reserve(RaggedBatch batch, StepKernels kernels) {
    int numCopies;
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.requireUsable();
      claimSequences();
      try {
        takeBlocks(planBlocks());
      } catch (Throwable refused) {
        unclaim(numEntries);
        if (refused instanceof OutOfBlocksException tooFew) {
          BlockSupply.tellExhausted(tooFew);
        }
        throw refused;
      }
      numCopies = extendTables();
    } catch (Throwable refused) {
      clear();
      throw refused;
    } finally {
      lock.unlock();
    }
    BlockEviction.Return eviction = BlockEviction.Return.NONE;
    int numWritten = 0;
    try {
      eviction = cache.supply().saveReclaimed(handles, numNew - numReclaimed, numNew);
      numWritten = numCopies;
      cache.storage().copyBlocks(sources, targets, numCopies);
      describe(batch);
      kernels.begin();
      tellTaken(numCopies);
    } catch (Throwable refused) {
      takeBack(eviction, numWritten);
      lock.lock();
      try {
        uncountCopies(numCopies);
        restore();
      } finally {
        lock.unlock();
      }
      throw refused;
    }
  }

  /**
   * Blocks that were given up for this step are cached again, but for those that its copies may
   * have overwritten.
   */
  private void takeBack(BlockEviction.Return eviction, int numWritten) {
    for (int i = numNew - 1; i >= numNew - numReclaimed; i--) {
      if (!isTarget(BlockHandle.blockId(handles[i]), numWritten)) {
        eviction.cacheAgain(handles[i]);
      }
    }
  }

  private boolean isTarget(int blockId, int numCopies) {
    for (int i = 0; i < numCopies; i++) {
      if (targets[i] == blockId) {
        return true;
      }
    }
    return false;
  }

  private void tellTaken(int numCopies) {
    if (numNew > 0) {
      CacheEvents.current().reserved(numEntries, numNew);
    }
    if (numCopies > 0) {
      CacheEvents.current().copied(numCopies);
    }
  }

  private void uncountCopies(int numCopies) {
    for (int i = 0; i < numEntries; i++) {
      if (originals[i] != BlockHandle.NONE) {
        sequences[i].numBlockCopies--;
      }
    }
    cache.countBlockCopies(-numCopies);
  }

  /** Marks each sequence busy, which also finds one that is given twice. */
  private void claimSequences() {
    for (int i = 0; i < numEntries; i++) {
      try {
        cache.sequences().requireIdle(sequences[i]);
      } catch (RuntimeException refused) {
        unclaim(i);
        throw refused;
      }
      sequences[i].state = KvSequence.State.BUSY;
    }
  }

  private void unclaim(int numClaimed) {
    for (int i = 0; i < numClaimed; i++) {
      sequences[i].state = KvSequence.State.IDLE;
    }
  }

  /** Decides who copies; returns how many new blocks that and the growth take. */
  private int planBlocks() {
    long needed = planGrowth();
    gatherSharers();
    for (int i = 0; i < numEntries; i++) {
      long last = originals[i];
      if (last != BlockHandle.NONE) {
        int writer = cache.plannedWriters().of(last);
        if (writer == i
            && numSharers[i] == cache.pool().referenceCount(last)
            && !cache.pool().caching().isCached(last)) {
          originals[i] = BlockHandle.NONE; // every owner is here, and the others get copies
        } else {
          needed++;
        }
      }
    }
    for (int i = 0; i < numEntries; i++) {
      if (tableSizes[i] > 0) {
        cache.plannedWriters().clear(sequences[i].table.handle(tableSizes[i] - 1));
      }
    }
    return Math.toIntExact(needed);
  }

  /**
   * Makes room in the tables, so that nothing can fail once blocks are taken. An absurd request
   * fails as what it is, before arrays grow for it.
   */
  private long planGrowth() {
    long growth = 0;
    for (int i = 0; i < numEntries; i++) {
      int length = sequences[i].length();
      growth += cache.shape().blocksFor(length + numAppended[i]) - cache.shape().blocksFor(length);
    }
    cache.pool().requireCapacity(growth);
    for (int i = 0; i < numEntries; i++) {
      BlockTable table = sequences[i].table;
      tableSizes[i] = table.numBlocks();
      table.ensureRoom(cache.shape().blocksFor(sequences[i].length() + numAppended[i]));
    }
    return growth;
  }

  /**
   * Finds the entries that would write into a shared block, and of each such block the longest one:
   * a shorter one would overwrite what a rollback gives back to the others.
   */
  private void gatherSharers() {
    int blockSize = cache.shape().blockSize();
    for (int i = 0; i < numEntries; i++) {
      KvSequence sequence = sequences[i];
      originals[i] = BlockHandle.NONE;
      numSharers[i] = 0;
      if (sequence.length() % blockSize != 0) {
        long last = sequence.table.handle(tableSizes[i] - 1);
        if (!cache.pool().isWritable(last)) {
          originals[i] = last;
          int writer = cache.plannedWriters().of(last);
          int sharers = writer < 0 ? 1 : numSharers[writer] + 1;
          if (writer < 0 || sequences[writer].length() <= sequence.length()) {
            cache.plannedWriters().set(last, i);
            writer = i;
          }
          numSharers[writer] = sharers;
        }
      }
    }
  }

  private void takeBlocks(int count) {
    numNew = count;
    if (numNew > handles.length) {
      handles = new long[Math.max(numNew, 2 * handles.length)];
    }
    numFromPromises = usePromises();
    try {
      numReclaimed = cache.pool().allocate(handles, 0, numNew, numFromPromises);
    } catch (Throwable refused) {
      for (int i = 0; i < numEntries; i++) {
        promises[i].giveBack(numPromised[i]);
      }
      throw refused;
    }
  }

  /** Each sequence takes what it was promised first. */
  private int usePromises() {
    int total = 0;
    for (int i = 0; i < numEntries; i++) {
      int contextLength = sequences[i].length() + numAppended[i];
      int growth = cache.shape().blocksFor(contextLength) - tableSizes[i];
      int numCopies = originals[i] == BlockHandle.NONE ? 0 : 1;
      promises[i] = sequences[i].reservation;
      numPromised[i] = promises[i].use(growth + numCopies);
      total += numPromised[i];
    }
    return total;
  }

  /**
   * Puts the new blocks into the tables; returns the number of copies. Cannot fail.
   *
   * <p>Who was promised blocks takes those that were reserved. Of the others copies come first, and
   * blocks that were given up for this step last: what lies in them is lost only if they are
   * written, and only copies are written before the step has begun.
   */
  private int extendTables() {
    int numReserved = 0;
    int numOthers = numFromPromises; // behind the reserved ones
    int numCopies = 0;
    for (int i = 0; i < numEntries; i++) {
      if (originals[i] != BlockHandle.NONE) {
        long copy = handles[numPromised[i] > 0 ? numReserved++ : numOthers++];
        sources[numCopies] = BlockHandle.blockId(originals[i]);
        targets[numCopies] = BlockHandle.blockId(copy);
        numCopies++;
        sequences[i].table.replaceLast(copy);
        sequences[i].numBlockCopies++;
      }
    }
    for (int i = 0; i < numEntries; i++) {
      BlockTable table = sequences[i].table;
      int numBlocks = cache.shape().blocksFor(sequences[i].length() + numAppended[i]);
      int numOwn = numPromised[i] - (originals[i] == BlockHandle.NONE ? 0 : 1);
      while (table.numBlocks() < numBlocks) {
        table.append(handles[numOwn > 0 ? numReserved++ : numOthers++]);
        numOwn--;
      }
    }
    cache.countBlockCopies(numCopies);
    return numCopies;
  }

  private void describe(RaggedBatch batch) {
    batch.clear();
    for (int i = 0; i < numEntries; i++) {
      BlockTable table = sequences[i].table;
      int contextLength = sequences[i].length() + numAppended[i];
      int from = batch.addSequence(numAppended[i], contextLength, table.numBlocks());
      table.copyIds(batch.blockIds(), from);
    }
  }

  void commit() {
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      for (int i = 0; i < numEntries; i++) {
        if (originals[i] != BlockHandle.NONE) {
          cache.pool().release(originals, i, i + 1);
        }
        sequences[i].setLength(sequences[i].length() + numAppended[i]);
        sequences[i].state = KvSequence.State.IDLE;
        cache.sequences().addTokens(numAppended[i]);
      }
      cache.countCommit();
    } finally {
      lock.unlock();
    }
    // Outside the lock, and after all of it: observers may use the cache.
    try {
      for (int i = 0; i < numEntries; i++) {
        sequences[i].tellCommitted();
      }
    } finally {
      clear();
    }
  }

  void rollback() {
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      restore();
      cache.countRollback();
    } finally {
      lock.unlock();
    }
  }

  /** Takes everything back since the plan, and drops the plan. */
  private void restore() {
    int numReserved = 0;
    for (int i = 0; i < numEntries; i++) {
      BlockTable table = sequences[i].table;
      table.detach(tableSizes[i]);
      if (originals[i] != BlockHandle.NONE) {
        table.replaceLast(originals[i]);
      }
      // A reservation that was closed meanwhile has no room for what it had promised.
      int room = Math.min(numPromised[i], promises[i].room());
      promises[i].giveBack(room);
      numReserved += room;
      sequences[i].state = KvSequence.State.IDLE;
    }
    // Reserved blocks were free ones and nobody else saw them: at least as many are free again.
    var _ = cache.pool().release(handles, 0, numNew, numReserved);
    clear();
  }

  void clear() {
    Arrays.fill(sequences, 0, numEntries, null);
    Arrays.fill(promises, 0, numEntries, null);
    numEntries = 0;
  }
}
