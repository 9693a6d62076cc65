package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.DiskBooks.WriteEnd;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

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
    Task task = new Task(block, new DiskEntry(key, nextPart.getAndIncrement()));
    if (!task.start()) {
      return;
    }
    try {
      task.fill(storage, blockId);
      executor.execute(task);
    } catch (RejectedExecutionException refused) {
      task.cancel();
      LOGGER.log(System.Logger.Level.DEBUG, "a block is not written", refused);
    } catch (Throwable refused) {
      task.cancel();
      throw refused;
    }
  }

  /** One block on its way to a file, with a staging block and room of its own until it ends. */
  private final class Task implements Runnable {
    private final PrefixBlock block;
    private final DiskEntry entry;
    private @Nullable BlockStaging staging; // from its start on

    /** Run or cancelled: an executor may throw after it has queued the task. */
    private final AtomicBoolean isTaken = new AtomicBoolean();

    Task(PrefixBlock block, DiskEntry entry) {
      this.block = block;
      this.entry = entry;
    }

    boolean start() {
      staging = books.startWrite(entry);
      return staging != null;
    }

    private BlockStaging staging() {
      return Objects.requireNonNull(staging);
    }

    void fill(KvStorage storage, int blockId) {
      StagedBlocks.out(storage, new int[] {blockId}, 0, staging(), 1);
    }

    /** Whatever fails, the entry is settled; without memory that is one more write that failed. */
    @Override
    public void run() {
      if (!isTaken.compareAndSet(false, true)) {
        return;
      }
      WriteEnd end = WriteEnd.FAILED_AND_LEFT;
      try {
        end = write();
      } catch (OutOfMemoryError full) {
        // Counted, and the next one may find memory: the thread that writes goes on.
      } finally {
        books.endWrite(entry, staging(), end);
      }
    }

    private WriteEnd write() {
      try {
        files.write(folder.partOf(entry), folder.pathOf(entry.key()), block, staging());
        return WriteEnd.WRITTEN;
      } catch (IOException refused) {
        LOGGER.log(System.Logger.Level.DEBUG, "a block cannot be written", refused);
        return removals.clean(entry) ? WriteEnd.FAILED : WriteEnd.FAILED_AND_LEFT;
      }
    }

    void cancel() {
      if (isTaken.compareAndSet(false, true)) {
        books.endWrite(entry, staging(), WriteEnd.SKIPPED);
      }
    }
  }
}
