package dev.pagoda;

import dev.pagoda.block.BlockTable;
import java.util.Objects;

/**
 * One stream of tokens whose keys and values are in a cache.
 *
 * <p>Grows through a {@link Step}, shares its blocks with forks, and holds them until it is closed
 * by whoever opened it; closing twice is allowed and does nothing. Other calls after close are
 * {@link IllegalStateException}s.
 *
 * <p>Threads: one writer at a time (step, fork, truncate, close); {@link #length} from any thread.
 * Different sequences are independent, even where they share blocks.
 */
public final class KvSequence implements AutoCloseable {
  /** What may be done with a sequence now. */
  enum State {
    /** Blocks are here, no step has it. */
    IDLE,
    /** A step that is neither committed nor rolled back has it, or its blocks are on the move. */
    BUSY,
    /** Its blocks were given up, see {@link ParkedGroup}. */
    PARKED,
    /** Gone. */
    CLOSED
  }

  private final PagedKvCache cache;
  private final long id;

  // Guarded by the cache's lock, as is every change of length.
  BlockTable table;
  State state = State.IDLE;
  int registryIndex;
  long parking = -1; // which parking it is in, or was in last
  BlockReservation reservation;
  long numBlockCopies;
  private volatile int length;
  private SequenceObserver observer = SequenceObserver.NONE;

  KvSequence(PagedKvCache cache, long id, BlockTable table, int length) {
    this.cache = cache;
    this.id = id;
    this.table = table;
    this.length = length;
    reservation = cache.reservations().none();
    reservation.join();
  }

  /**
   * A number that names this sequence in messages, unique in its cache.
   *
   * @return the sequence's id
   */
  public long id() {
    return id;
  }

  /**
   * The cache it lives in.
   *
   * @return the cache
   */
  public PagedKvCache cache() {
    return cache;
  }

  /**
   * Committed tokens: its context length outside a step.
   *
   * @return number of tokens
   */
  public int length() {
    return length;
  }

  /** Changes the reservation. With the cache's lock; not while parked. */
  void draw(BlockReservation promise) {
    promise.join();
    reservation.leave(state);
    reservation = promise;
  }

  /** Parks, to draw from a reservation after it. With the cache's lock; needs no memory. */
  void parkFor(BlockReservation promise) {
    BlockReservation later = promise.isClosed() ? cache.reservations().none() : promise;
    later.joinParked();
    reservation.leave(state);
    reservation = later;
    state = State.PARKED;
  }

  void setLength(int newLength) {
    length = newLength;
  }

  /**
   * A second sequence with the same tokens, which shares every block. Nothing is copied now;
   * whoever first writes into a shared block copies that one.
   *
   * @return the fork, the caller's to close
   * @throws IllegalStateException if this sequence is closed, parked or in a step
   */
  public KvSequence fork() {
    return cache.sequences().fork(this, length);
  }

  /**
   * A second sequence with the first tokens of this one.
   *
   * @param forkLength tokens to share, {@code [0, length]}
   * @return the fork, the caller's to close
   * @throws IllegalArgumentException if there are fewer tokens than that
   * @throws IllegalStateException if this sequence is closed, parked or in a step
   */
  public KvSequence fork(int forkLength) {
    return cache.sequences().fork(this, forkLength);
  }

  /**
   * Takes the first tokens of another sequence into this one, which is empty or has the first
   * blocks of the other already, sharing their blocks as a fork does. For a sequence that lost its
   * blocks, so that its holders keep the object they have.
   *
   * @param source an idle sequence of the same cache
   * @param sharedLength tokens to share, {@code [length, source.length()]}
   * @throws IllegalArgumentException if the source has fewer tokens or is another cache's
   * @throws IllegalStateException if this sequence has other blocks or a partly filled one, or one
   *     of the two is closed, parked or in a step
   */
  public void shareFrom(KvSequence source, int sharedLength) {
    cache.sequences().share(this, source, sharedLength);
  }

  /**
   * Drops the tokens behind a length, and the blocks that only they used. Forks keep theirs.
   *
   * @param newLength tokens to keep, {@code [0, length]}
   * @throws IllegalArgumentException if there are fewer tokens than that
   * @throws IllegalStateException if this sequence is closed, parked or in a step
   */
  public void truncate(int newLength) {
    cache.sequences().truncate(this, newLength);
  }

  /**
   * Lets this sequence, and the forks made of it from now on, take the blocks of its steps from a
   * reservation first. Replaces the one before.
   *
   * @param promise a reservation of the same cache
   * @throws IllegalArgumentException if it is another cache's
   * @throws IllegalStateException if this sequence or the reservation is closed, or this sequence
   *     is parked
   * @throws dev.pagoda.block.OutOfBlocksException if the reservation is suspended and too few
   *     blocks are free to resume it
   */
  public void drawFrom(BlockReservation promise) {
    cache.reservations().draw(this, promise);
  }

  /**
   * Lets this sequence take its blocks from what is free, as at first.
   *
   * @throws IllegalStateException if this sequence is closed or parked
   */
  public void drawFromNone() {
    cache.reservations().draw(this, cache.reservations().none());
  }

  /**
   * The reservation it draws from.
   *
   * @return one of no blocks, unless {@link #drawFrom} or the sequence it was forked from named
   *     another
   */
  public BlockReservation reservation() {
    return cache.reservations().of(this);
  }

  /**
   * The block ids in token order, for callers that hand them to something else.
   *
   * @return a copy of the block table
   * @throws IllegalStateException if this sequence is closed or parked
   */
  public int[] blockIds() {
    cache.lock().lock();
    try {
      cache.sequences().requireHere(this);
      int[] ids = new int[table.numBlocks()];
      table.copyIds(ids, 0);
      return ids;
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Blocks copied because this sequence was about to write into one that it shared; those of steps
   * that were rolled back included. Kept after close.
   *
   * @return number of block copies since it was opened or forked
   */
  public long numBlockCopies() {
    cache.lock().lock();
    try {
      return numBlockCopies;
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Whether it is open, here, and in no step: what others may do with it now.
   *
   * @return false if it is closed, parked, in a step or on the move
   */
  public boolean isIdle() {
    return state() == State.IDLE;
  }

  /**
   * Blocks it has now: all, or those that it kept when it was parked.
   *
   * @return entries of its block table; 0 after close
   */
  public int numBlocksHere() {
    cache.lock().lock();
    try {
      return table.numBlocks();
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Whether it was closed.
   *
   * @return true after {@link #close}
   */
  public boolean isClosed() {
    return state() == State.CLOSED;
  }

  /**
   * Gives its blocks back. Blocks that forks share stay with them.
   *
   * @throws IllegalStateException if it is in a step; commit or close the step first
   */
  @Override
  public void close() {
    cache.sequences().close(this);
  }

  /**
   * Has somebody told what happens to this sequence, in place of whom was told before.
   *
   * @param newObserver told by the writer's thread
   */
  public void observe(SequenceObserver newObserver) {
    observer = Objects.requireNonNull(newObserver, "newObserver");
  }

  SequenceObserver observer() {
    return observer;
  }

  void tellCommitted() {
    observer.committed(this);
  }

  private State state() {
    cache.lock().lock();
    try {
      return state;
    } finally {
      cache.lock().unlock();
    }
  }

  @Override
  public String toString() {
    return "KvSequence[id=" + id + ", length=" + length + ", state=" + state + "]";
  }
}
