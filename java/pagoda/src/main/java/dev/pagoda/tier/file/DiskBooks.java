package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * All that a disk tier knows, under one lock: which blocks are on disk or on their way, which
 * staging blocks are idle, which files could not be removed, and the counters. Touches no file.
 *
 * <p>A read and a write begin here and end here, each with a staging block of its own in between.
 * An entry whose file is written or removed is busy from the beginning to the end, see {@link
 * DiskIndex}. What begins here has changed nothing if memory runs out; what ends here needs none.
 *
 * <p>Threads: any number. Nobody waits here but a reader for a staging block, and whoever closes.
 */
final class DiskBooks {
  private static final int SEEN_KEYS = 1 << 16;

  /** How a read ended. */
  enum ReadEnd {
    HIT,
    /** The file is not an answer, and is removed. */
    REFUSED,
    /** Somebody else has removed the file. */
    GONE,
    /** The machine refused, and may not the next time. */
    FAILED,
    /** The storage refused: nothing is said about the file. */
    BROKEN_OFF
  }

  /** How a write ended. */
  enum WriteEnd {
    WRITTEN,
    FAILED,
    /** It failed, and what it may have left, a part or the file, was not removed. */
    FAILED_AND_LEFT,
    SKIPPED
  }

  private final TierFolder folder;
  private final DiskTierSettings settings;
  private final int numStagings;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final DiskIndex index;
  private final SeenFilter seen;
  private final Deque<BlockStaging> idle;
  private final WriteBackoff backoff = new WriteBackoff();
  private int numFound;
  private long numHits;
  private long numWritten;
  private long numEvicted;
  private long numNotSeenTwice;
  private long numSkipped;
  private long numRefused;
  private long numReadFailures;
  private long numWriteFailures;
  private boolean closed;

  /** Books over an index that nobody else uses, of a folder that only says whose they are. */
  DiskBooks(
      TierFolder folder, DiskTierSettings settings, DiskIndex index, List<BlockStaging> stagings) {
    this.folder = folder;
    this.settings = settings;
    this.index = index;
    numStagings = stagings.size();
    idle = new ArrayDeque<>(stagings);
    seen = new SeenFilter(settings.onlySeenTwice() ? SEEN_KEYS : 1);
  }

  /** Counts what a tier found when it started. */
  void found(TierFolder.Stock stock) {
    lock.lock();
    try {
      numFound = stock.numFound();
      numRefused = stock.numRefused();
      numEvicted = stock.numEvicted();
    } finally {
      lock.unlock();
    }
  }

  boolean contains(BlockKey key) {
    lock.lock();
    try {
      return index.contains(key);
    } finally {
      lock.unlock();
    }
  }

  /** A staging block to read a block into, waited for if need be; none if the block is not here. */
  @Nullable BlockStaging startRead(BlockKey key) {
    lock.lock();
    try {
      requireOpen();
      while (idle.isEmpty() && index.contains(key)) {
        changed.awaitUninterruptibly();
      }
      return index.touch(key) == null ? null : idle.pop();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends a read.
   *
   * @return the entry whose file the caller has to remove, and to say so to {@link #endRemoval}
   */
  @Nullable DiskEntry endRead(BlockKey key, BlockStaging staging, ReadEnd end) {
    lock.lock();
    try {
      idle.push(staging);
      changed.signalAll();
      switch (end) {
        case HIT -> numHits++;
        case GONE, FAILED -> numReadFailures++;
        case REFUSED, BROKEN_OFF -> {}
      }
      boolean isUseless = end == ReadEnd.REFUSED || end == ReadEnd.GONE;
      DiskEntry entry = isUseless ? index.touch(key) : null; // none if somebody else removes it
      if (entry != null) {
        index.startRemoval(entry);
        numRefused += end == ReadEnd.REFUSED ? 1 : 0;
      }
      return entry;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a block that is offered is to be written. */
  boolean wants(BlockKey key) {
    lock.lock();
    try {
      requireOpen();
      if (index.touch(key) != null || index.isBusy(key)) {
        return false;
      }
      if (backoff.skips()) {
        numSkipped++;
        return false;
      }
      if (settings.onlySeenTwice() && !seen.offer(key)) {
        numNotSeenTwice++;
        return false;
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Files that could not be removed, to be tried again; none once the folder is let go of. */
  List<DiskEntry> takeStranded() {
    lock.lock();
    try {
      return closed ? List.of() : index.takeStranded();
    } finally {
      lock.unlock();
    }
  }

  /** Files to remove so that one more fits, used longest ago first. */
  List<DiskEntry> startEvictions() {
    lock.lock();
    try {
      requireOpen();
      List<DiskEntry> victims = index.makeRoom(1);
      numEvicted += victims.size();
      return victims;
    } finally {
      lock.unlock();
    }
  }

  /** Takes every block that is not on its way out of the index. */
  List<DiskEntry> startClearing() {
    lock.lock();
    try {
      requireOpen();
      return index.removeAll();
    } finally {
      lock.unlock();
    }
  }

  /** Ends the removal of a file; one that stays keeps its room, and is tried again. */
  void endRemoval(DiskEntry entry, boolean isGone) {
    lock.lock();
    try {
      if (isGone) {
        index.endRemoval(entry);
      } else {
        index.strand(entry);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** A staging block, and room for a new file; none if the block is not to be written now. */
  @Nullable BlockStaging startWrite(DiskEntry entry) {
    lock.lock();
    try {
      requireOpen();
      if (index.knows(entry.key())) {
        return null;
      }
      // One is left for those who read, since a write may wait for the thread that reads.
      if (!index.hasRoom() || idle.size() < 2) {
        numSkipped++;
        return null;
      }
      index.startWrite(entry);
      return idle.pop();
    } finally {
      lock.unlock();
    }
  }

  void endWrite(DiskEntry entry, BlockStaging staging, WriteEnd end) {
    lock.lock();
    try {
      idle.push(staging);
      switch (end) {
        case WRITTEN -> {
          index.endWrite(entry);
          numWritten++;
          backoff.succeeded();
        }
        case FAILED -> {
          index.endRemoval(entry);
          numWriteFailures++;
          backoff.failed();
        }
        case FAILED_AND_LEFT -> {
          index.strand(entry);
          numWriteFailures++;
          backoff.failed();
        }
        case SKIPPED -> {
          index.endRemoval(entry);
          numSkipped++;
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  DiskTierStatistics statistics() {
    lock.lock();
    try {
      return new DiskTierStatistics(
          index.numBlocks(),
          index.bytes(),
          settings.bytesMax(),
          numFound,
          numHits,
          numWritten,
          numEvicted,
          numNotSeenTwice,
          numSkipped,
          numRefused,
          numReadFailures,
          numWriteFailures);
    } finally {
      lock.unlock();
    }
  }

  /** Lets nothing begin any more, and waits until all that began has ended. Once or again. */
  void close() {
    lock.lock();
    try {
      closed = true;
      while (idle.size() < numStagings || index.numBusy() > 0) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the tier is closed: folder=" + folder);
    }
  }
}
