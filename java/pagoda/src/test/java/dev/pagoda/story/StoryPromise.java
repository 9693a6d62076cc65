package dev.pagoda.story;

import dev.pagoda.BlockReservation;
import java.util.List;
import java.util.Optional;

/** What a {@link BlockReservation} should be. */
final class StoryPromise {
  final Optional<BlockReservation> real; // none for the one of those who have none
  private final StoryPool pool;
  int granted;
  int left;
  private int numActive;
  private int numParked;
  private boolean suspended;
  private boolean closed;

  StoryPromise(StoryPool pool, Optional<BlockReservation> real, int numBlocks) {
    this.pool = pool;
    this.real = real;
    granted = numBlocks;
    left = numBlocks;
  }

  boolean isClosed() {
    return closed;
  }

  boolean isSuspended() {
    return suspended;
  }

  int use(int numBlocks) {
    int used = Math.min(numBlocks, left);
    left -= used;
    return used;
  }

  int room() {
    return suspended ? 0 : granted - left;
  }

  /** Blocks have become free: some of them are promised again. */
  void freed(int numFreed, int numMax) {
    int again = Math.min(numFreed, numMax);
    pool.numReserved += again;
    left += again;
  }

  int toResume() {
    return suspended ? left : 0;
  }

  /** What all promises of some sequences need to be resumed. */
  static int toResume(List<StorySequence> sequences) {
    return sequences.stream()
        .map(sequence -> sequence.promise)
        .distinct()
        .mapToInt(StoryPromise::toResume)
        .sum();
  }

  /** Somebody draws from it; blocks of {@link #toResume} were reserved before. */
  void join() {
    suspended = false;
    numActive++;
  }

  void leave(boolean parked) {
    if (parked) {
      numParked--;
    } else {
      numActive--;
    }
    if (suspended && numParked == 0) {
      suspended = false;
      left = 0;
    }
    suspendIfIdle();
  }

  void park() {
    numActive--;
    numParked++;
    suspendIfIdle();
  }

  void unpark() {
    numParked--;
    numActive++;
    suspended = false;
  }

  private void suspendIfIdle() {
    if (!closed && !suspended && numActive == 0 && numParked > 0) {
      suspended = true;
      pool.numReserved -= left;
    }
  }

  /** Promises another number; there is room if it is a larger one. */
  void resize(int numBlocks) {
    if (!suspended) {
      pool.numReserved -= left - Math.min(left, numBlocks);
    }
    left = numBlocks;
    granted = numBlocks;
  }

  void close() {
    if (!closed) {
      closed = true;
      if (!suspended) {
        pool.numReserved -= left;
      }
      suspended = false;
      granted = 0;
      left = 0;
    }
  }

  @Override
  public String toString() {
    return "promise of " + granted + ", left " + left + (suspended ? ", suspended" : "");
  }
}
