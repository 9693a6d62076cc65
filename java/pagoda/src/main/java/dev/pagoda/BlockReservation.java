package dev.pagoda;

/**
 * Blocks promised to sequences that will grow: free blocks that nobody else can have.
 *
 * <p>A sequence {@linkplain KvSequence#drawFrom draws} the blocks of its steps from the reservation
 * while it lasts, then from what is free; forks of it draw from the same one. What a rollback,
 * {@link KvSequence#truncate} or {@link KvSequence#close} of such a sequence frees is promised
 * again, up to the number granted, so that beams that come and go, and drafts that are rejected,
 * use nothing up.
 *
 * <pre>
 *   granted   blocks promised at first
 *   left      of those, not in use now: reserved in the pool
 * </pre>
 *
 * <p>Parking gives blocks to everybody: what it frees is not promised again, and a reservation that
 * only parked sequences draw from is suspended, which promises nothing. It comes back, whole or not
 * at all, with the first of its sequences.
 *
 * <p>Holds no memory. Whoever made it closes it; closing twice is allowed, also after the cache was
 * closed. Nothing ever waits for a reservation: it is had at once or refused, so that no two can
 * wait for each other. Threads: any number.
 */
public final class BlockReservation implements AutoCloseable {
  private final PagedKvCache cache;

  // Guarded by the cache's lock.
  private int granted;
  private int left;
  private int numActive; // open sequences that draw from it and are not parked
  private int numParked;
  private boolean suspended;
  private boolean closed;

  BlockReservation(PagedKvCache cache, int granted) {
    this.cache = cache;
    this.granted = granted;
    left = granted;
  }

  /**
   * The cache whose blocks it promises.
   *
   * @return the cache
   */
  public PagedKvCache cache() {
    return cache;
  }

  /**
   * Blocks promised when it was made or resized.
   *
   * @return number of blocks; 0 after {@link #close}
   */
  public int numGranted() {
    cache.lock().lock();
    try {
      return granted;
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Blocks of those that are not in use.
   *
   * @return number of blocks its sequences can take without fail, unless it is suspended
   */
  public int numLeft() {
    cache.lock().lock();
    try {
      return left;
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Whether it promises nothing now, because all sequences that draw from it are parked.
   *
   * @return true until one of them is back
   */
  public boolean isSuspended() {
    cache.lock().lock();
    try {
      return suspended;
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
    cache.lock().lock();
    try {
      return closed;
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * Promises another number of blocks from now on, all or none. A smaller one always succeeds.
   *
   * @param numBlocks blocks to have left, at least 0
   * @return false if too few blocks are free, and then nothing has changed
   * @throws IllegalStateException if it was closed, or is that of sequences that have none
   */
  public boolean tryResize(int numBlocks) {
    requireCount(numBlocks);
    if (this == cache.reservations().none()) {
      throw new IllegalStateException(
          "the sequence has no reservation, make one: numBlocks=" + numBlocks);
    }
    int aside;
    cache.lock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("the reservation is closed: numBlocks=" + numBlocks);
      }
      if (suspended || numBlocks <= left) {
        cache.pool().promises().unreserve(suspended ? 0 : left - numBlocks);
        left = numBlocks;
        granted = numBlocks;
        return true;
      }
      aside = left;
      left = 0;
    } finally {
      cache.lock().unlock();
    }
    boolean had = false;
    try {
      had = cache.supply().tryPromise(numBlocks - aside);
    } finally {
      settle(numBlocks, aside, had);
    }
    return had;
  }

  /** Puts what was set aside back, or what was had beside it too. */
  private void settle(int numBlocks, int aside, boolean had) {
    cache.lock().lock();
    try {
      int inPool = had ? numBlocks : aside;
      if (had && !closed) {
        granted = numBlocks;
      }
      if (closed || suspended) {
        cache.pool().promises().unreserve(inPool);
        left = closed ? 0 : inPool;
      } else {
        // What was given back meanwhile is in the pool already.
        int kept = Math.min(inPool, granted - left);
        cache.pool().promises().unreserve(inPool - kept);
        left += kept;
      }
    } finally {
      cache.lock().unlock();
    }
  }

  static void requireCount(int numBlocks) {
    if (numBlocks < 0) {
      throw new IllegalArgumentException(
          "a number of blocks is not negative: numBlocks=" + numBlocks);
    }
  }

  /** Ends the promise. Sequences keep the blocks they have, and draw from what is free. */
  @Override
  public void close() {
    cache.lock().lock();
    try {
      if (!closed && this != cache.reservations().none()) {
        closed = true;
        if (!suspended) {
          cache.pool().promises().unreserve(left);
        }
        suspended = false;
        granted = 0;
        left = 0;
        cache.reservations().forget(this);
      }
    } finally {
      cache.lock().unlock();
    }
  }

  // For the cache, with its lock.

  /** Blocks reserved in the pool for it. */
  int inPool() {
    return suspended ? 0 : left;
  }

  /** Blocks to reserve so that it is not suspended any more. */
  int toResume() {
    return suspended ? left : 0;
  }

  /** Uses up to so many promised blocks; returns how many. */
  int use(int numBlocks) {
    int used = Math.min(numBlocks, left);
    left -= used;
    return used;
  }

  /** How many of the blocks that become free now are promised again. */
  int room() {
    return suspended ? 0 : granted - left;
  }

  /** Blocks have become free, and the pool has reserved up to {@link #room} of them. */
  void giveBack(int numFreed) {
    left += Math.min(numFreed, room());
  }

  /** So many blocks were reserved for it in the pool; returns how many of them it takes. */
  int resume(int numReserved) {
    if (!suspended) {
      return 0; // somebody else was faster, or it was closed
    }
    suspended = false;
    left = Math.min(left, numReserved);
    return left;
  }

  void join() {
    numActive++;
    suspended = false; // with nothing left there was nothing to resume
  }

  void leave(KvSequence.State state) {
    if (state == KvSequence.State.PARKED) {
      numParked--;
    } else {
      numActive--;
    }
    if (suspended && numParked == 0) {
      suspended = false; // nobody is left who could come back for it
      left = 0;
    }
    suspendIfIdle();
  }

  /** A parked sequence draws from it when it comes back. */
  void joinParked() {
    numParked++;
    suspendIfIdle();
  }

  /** One of its sequences was parked. */
  void park() {
    numActive--;
    numParked++;
    suspendIfIdle();
  }

  /** One of its sequences is back; it was resumed before. */
  void unpark() {
    numParked--;
    numActive++;
    suspended = false; // with nothing left there was nothing to resume
  }

  private void suspendIfIdle() {
    if (!closed && !suspended && numActive == 0 && numParked > 0) {
      suspended = true;
      cache.pool().promises().unreserve(left);
    }
  }

  @Override
  public String toString() {
    return "BlockReservation[granted="
        + granted
        + ", left="
        + left
        + ", suspended="
        + suspended
        + "]";
  }
}
