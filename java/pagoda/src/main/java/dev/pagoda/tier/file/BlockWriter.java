package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.DiskBooks.WriteEnd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes the blocks that a disk tier is offered and wants, each copied out in the call that offers
 * it and written by the tier's executor.
 *
 * <p>Threads: any number.
 */
final class BlockWriter {
  private static final System.Logger LOGGER = System.getLogger(DiskTier.class.getName());

  private final TierFolder folder;
  private final BlockFiles files;
  private final DiskBooks books;
  private final FileRemovals removals;
  private final Executor executor;
  private final AtomicLong nextPart = new AtomicLong();

  BlockWriter(
      TierFolder folder,
      BlockFiles files,
      DiskBooks books,
      FileRemovals removals,
      Executor executor) {
    this.folder = folder;
    this.files = files;
    this.books = books;
    this.removals = removals;
    this.executor = executor;
  }

  /** Has a block written, unless it is not wanted or there is nowhere to put it. */
  void offer(PrefixBlock block, KvStorage storage, int blockId) {
    BlockKey key = block.key();
    if (!books.wants(key)) {
      return;
    }
    removals.makeRoom();
    BlockStaging staging = books.startWrite(key);
    if (staging == null) {
      return;
    }
    Task task;
    try {
      task = new Task(block, staging);
    } catch (OutOfMemoryError full) {
      books.endWrite(key, staging, WriteEnd.SKIPPED);
      throw full;
    }
    try {
      StagedBlocks.out(storage, new int[] {blockId}, 0, staging, 1);
      executor.execute(task);
    } catch (RejectedExecutionException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a block is not written", refused);
      task.cancel();
    } catch (Throwable refused) {
      task.cancel();
      throw refused;
    }
  }

  /** One block on its way to a file, with a staging block and room of its own until it ends. */
  private final class Task implements Runnable {
    private final PrefixBlock block;
    private final BlockStaging staging;

    /** Run or cancelled: an executor may throw after it has queued the task. */
    private final AtomicBoolean isTaken = new AtomicBoolean();

    Task(PrefixBlock block, BlockStaging staging) {
      this.block = block;
      this.staging = staging;
    }

    @Override
    public void run() {
      if (!isTaken.compareAndSet(false, true)) {
        return;
      }
      BlockKey key = block.key();
      WriteEnd end = WriteEnd.FAILED;
      try {
        Path part = folder.partOf(key, nextPart.getAndIncrement());
        end = write(part, key);
      } finally {
        books.endWrite(key, staging, end);
      }
    }

    private WriteEnd write(Path part, BlockKey key) {
      try {
        files.write(part, folder.pathOf(key), block, staging);
        return WriteEnd.WRITTEN;
      } catch (IOException refused) {
        LOGGER.log(System.Logger.Level.DEBUG, "a block cannot be written", refused);
        return removals.clean(key, part) ? WriteEnd.FAILED : WriteEnd.FAILED_AND_LEFT;
      }
    }

    void cancel() {
      if (isTaken.compareAndSet(false, true)) {
        books.endWrite(block.key(), staging, WriteEnd.SKIPPED);
      }
    }
  }
}
