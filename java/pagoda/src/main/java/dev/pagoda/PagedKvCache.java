package dev.pagoda;

import dev.pagoda.block.BlockPool;
import dev.pagoda.block.BlockTable;
import dev.pagoda.block.IdleOrder;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Place;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;

/**
 * Keys and values of any number of sequences, in fixed-size blocks of one pool off the heap.
 *
 * <p>Memory: one contiguous pool of {@code numBlocks * blockBytes} bytes (see {@link KvLayout}),
 * plus 25 bytes of bookkeeping per block. Whoever opens a cache closes it, after its sequences;
 * closing twice is an {@link IllegalStateException}.
 *
 * <p>Threads: safe for any number. A sequence and a step have one writer at a time; different ones
 * run in parallel. No call blocks for longer than bookkeeping takes: bytes are copied and attention
 * is computed outside the lock.
 *
 * <p>Failure: a call that throws has changed nothing.
 */
public final class PagedKvCache implements AutoCloseable {
  private final Backend backend;
  private final Kernels kernels;
  private final KvStorage storage;
  private final BlockPool pool;
  private final IdlePool<Scratch> scratches;
  private final boolean debug;
  private final CacheLock lock = new CacheLock();
  private final BlockSupply supply;
  private final GrantedReservations reservations;
  private final OpenSequences sequences;

  // Guarded by the lock.
  private final PlannedWriters plannedWriters;
  private long numBlockCopies;
  private long numStepsCommitted;
  private long numStepsRolledBack;
  private boolean closed;

  PagedKvCache(Backend backend, Kernels kernels, KvStorage storage, Checks checks) {
    this.backend = backend;
    this.kernels = kernels;
    this.storage = storage;
    debug = checks == Checks.DEBUG;
    int numBlocks = storage.numBlocks();
    pool = new BlockPool(numBlocks, debug, debug ? this::spoil : blockId -> {});
    if (debug) {
      for (int id = 0; id < numBlocks; id++) {
        storage.poison(id);
      }
    }
    scratches = new IdlePool<>(() -> kernels.newScratch(storage.layout()));
    supply = new BlockSupply(pool, storage);
    reservations = new GrantedReservations(this);
    sequences = new OpenSequences(this);
    plannedWriters = new PlannedWriters(numBlocks);
  }

  /** Whoever frees a block is in the middle of changes that must not fail for want of heap. */
  private void spoil(int blockId) {
    try {
      storage.poison(blockId);
    } catch (OutOfMemoryError full) {
      // Its old content stays: what reads it is not found this time.
    }
  }

  /**
   * Opens a cache.
   *
   * @param shape layers and block size
   * @param backend what computes; see {@link Backend#best}
   * @param capacity how much it may hold
   * @return the cache, owned by the caller
   * @throws BackendUnavailableException if the backend cannot be had here
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static PagedKvCache open(KvShape shape, Backend backend, Capacity capacity) {
    return open(shape, backend, capacity, Checks.STANDARD);
  }

  /**
   * Opens a cache.
   *
   * @param shape layers and block size
   * @param backend what computes; see {@link Backend#best}
   * @param capacity how much it may hold
   * @param checks how much to spend on finding mistakes
   * @return the cache, owned by the caller
   * @throws BackendUnavailableException if the backend cannot be had here
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static PagedKvCache open(
      KvShape shape, Backend backend, Capacity capacity, Checks checks) {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(checks, "checks");
    return open(shape, backend, Backends.open(backend), capacity, checks);
  }

  /**
   * Opens a cache at a place: on another device than the first, or in a context and on a stream of
   * the caller's.
   *
   * @param shape layers and block size
   * @param place where its blocks are to be; names the backend too
   * @param capacity how much it may hold
   * @param checks how much to spend on finding mistakes
   * @return the cache, owned by the caller
   * @throws BackendUnavailableException if the place's backend cannot be had here
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static PagedKvCache open(KvShape shape, Place place, Capacity capacity, Checks checks) {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(checks, "checks");
    Backend backend = Backend.named(place.backend());
    return open(shape, backend, Backends.open(place), capacity, checks);
  }

  private static PagedKvCache open(
      KvShape shape, Backend backend, Kernels kernels, Capacity capacity, Checks checks) {
    KvLayout layout = new KvLayout(shape, kernels.keyOrder());
    KvStorage storage =
        switch (capacity) {
          case Capacity.Blocks blocks -> kernels.openStorage(layout, blocks.numBlocks());
          case Capacity.Bytes bytes -> kernels.openStorage(layout, bytes.numBlocks(layout));
          case Capacity.Within within -> kernels.openStorageWithin(layout, within.segment());
          case Capacity.Counted counted -> HostStorage.counted(layout, counted.numBlocks());
        };
    try {
      return new PagedKvCache(backend, kernels, storage, checks);
    } catch (Throwable refused) {
      storage.close();
      throw refused;
    }
  }

  /**
   * Layers and block size.
   *
   * @return the shape it was opened with
   */
  public KvShape shape() {
    return storage.layout().shape();
  }

  /**
   * How a block is laid out.
   *
   * @return the layout
   */
  public KvLayout layout() {
    return storage.layout();
  }

  /**
   * What computes.
   *
   * @return the backend it was opened with
   */
  public Backend backend() {
    return backend;
  }

  /**
   * Backend, vector width or device, capacity, size of pages and why, in one line for people.
   *
   * @return one line
   */
  public String describe() {
    return backend.label()
        + ": "
        + kernels.describe()
        + "; "
        + storage.numBlocks()
        + " blocks of "
        + shape().blockSize()
        + " tokens, "
        + layout().blockBytes()
        + (storage.hasMemory() ? " bytes each" : " bytes each, counted without memory")
        + (storage instanceof HostStorage host && host.hasMemory()
            ? "; " + host.hugePages().phrase()
            : "")
        + storage.failure().map(reason -> "; failed: " + reason).orElse("");
  }

  /**
   * Has the JVM compile the kernels before the first request needs them: computes attention over a
   * small cache of its own, decode steps and prompts, until that gets no faster. Until HotSpot has
   * compiled vector code it is up to a hundred times slower than it will be, for the first second
   * or two.
   *
   * <p>Optional, and on the calling thread: call it while the weights load, from a thread that has
   * nothing better to do. Touches neither the pool nor any sequence. What is compiled serves every
   * cache of the JVM with the same element types; priming again returns at once, nearly.
   *
   * @param spec what will be computed, on every layer
   * @param budget how long it may take
   * @return what it did
   * @throws IllegalArgumentException if the spec's heads do not divide among those of a layer, or
   *     the small cache cannot be had
   */
  public Priming prime(AttentionSpec spec, Duration budget) {
    Objects.requireNonNull(spec, "spec");
    Objects.requireNonNull(budget, "budget");
    return Priming.run(backend, shape(), spec, budget);
  }

  /**
   * What only this cache's backend has: {@code dev.pagoda.cuda.CudaCache} on the CUDA backend.
   *
   * @param face the interface wanted
   * @param <T> the interface wanted
   * @return this cache's memory, seen through that interface
   * @throws IllegalArgumentException if the backend has no such face
   */
  public <T> T unwrap(Class<T> face) {
    if (!face.isInstance(storage)) {
      throw new IllegalArgumentException(
          "this cache's backend has no such face: backend="
              + backend.label()
              + ", face="
              + face.getName());
    }
    return face.cast(storage);
  }

  /**
   * Opens host memory that blocks of this cache move to and from as fast as they can: page-locked
   * on the CUDA backend.
   *
   * @param capacity how many blocks it holds
   * @return a storage of this cache's layout, owned by the caller, who closes it before the cache
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public HostStorage openHostStorage(Capacity capacity) {
    return switch (capacity) {
      case Capacity.Blocks blocks -> storage.openHostStorage(blocks.numBlocks());
      case Capacity.Bytes bytes -> storage.openHostStorage(bytes.numBlocks(layout()));
      case Capacity.Within within -> HostStorage.over(layout(), within.segment());
      case Capacity.Counted counted -> HostStorage.counted(layout(), counted.numBlocks());
    };
  }

  /**
   * Opens an empty sequence.
   *
   * @return the sequence, the caller's to close
   */
  public KvSequence newSequence() {
    return newSequence(0);
  }

  /**
   * Opens an empty sequence with room in its block table, so that growing to a length allocates
   * nothing on the heap. Takes no block yet.
   *
   * @param expectedTokens length to prepare for; it may grow beyond
   * @return the sequence, the caller's to close
   */
  public KvSequence newSequence(int expectedTokens) {
    int expectedBlocks = Math.min(shape().blocksFor(expectedTokens), pool.numBlocks());
    lock.lock();
    try {
      requireUsable();
      return sequences.open(new BlockTable(pool, expectedBlocks), 0);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes a step. It can be used again and again, and then allocates nothing.
   *
   * @return an empty step
   */
  public Step newStep() {
    lock.lock();
    try {
      requireUsable();
    } finally {
      lock.unlock();
    }
    return new Step(this, kernels, storage, scratches);
  }

  /**
   * Reserves blocks for sequences that will grow, all or none.
   *
   * @param numBlocks blocks to promise, at least 0
   * @return the promise, the caller's to close
   * @throws OutOfBlocksException if too few blocks are free and not promised to others
   */
  public BlockReservation reserve(int numBlocks) {
    return reservations.grant(numBlocks);
  }

  /**
   * Reserves blocks for sequences that will grow, all or none, or says that it cannot. Never waits.
   *
   * @param numBlocks blocks to promise, at least 0
   * @return the promise, the caller's to close; none if too few blocks are free and not promised to
   *     others
   */
  public Optional<BlockReservation> tryReserve(int numBlocks) {
    BlockReservation reservation;
    try {
      reservation = reserve(numBlocks);
    } catch (OutOfBlocksException tooFew) {
      return Optional.empty();
    }
    try {
      return Optional.of(reservation);
    } catch (OutOfMemoryError full) {
      reservation.close();
      throw full;
    }
  }

  /**
   * Has somebody told when blocks become scarce and when there are enough again. It begins with
   * {@link Watermarks.Level#LOW}, untold; if blocks are scarce already, that is told now.
   *
   * @param marks what counts as scarce: blocks in use and promised ones together
   * @param listener told outside every lock, by the thread whose call changed the level
   * @return the caller's to close, which ends the telling; it ends with the cache at the latest
   */
  public WatermarkWatch watch(Watermarks marks, WatermarkListener listener) {
    Objects.requireNonNull(marks, "marks");
    Objects.requireNonNull(listener, "listener");
    WatermarkWatch watch = new WatermarkWatch(lock, pool, marks, listener);
    lock.watch(watch);
    return watch;
  }

  /**
   * Takes the blocks of sequences away, all or none, after their content was moved. Each distinct
   * block is moved once. The sequences keep their length and stay open; everything but closing them
   * is an {@link IllegalStateException} until {@link #unpark}.
   *
   * @param group distinct idle sequences of this cache, at least one
   * @param mover moves the content away, called once, while the blocks are still owned; if it
   *     throws nothing has changed
   * @return how to bring them back
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   */
  public ParkedGroup park(List<KvSequence> group, BlockMover mover) {
    return parkTail(group, 0, mover);
  }

  /**
   * Takes the last blocks of sequences away, all or none, after their content was moved. As {@link
   * #park}, except that each sequence keeps the blocks before an index, and those that have no more
   * keep all.
   *
   * @param group distinct idle sequences of this cache, at least one
   * @param firstBlockIndex block index from which on blocks are taken, at least 0
   * @param mover moves the content away, called once, while the blocks are still owned; if it
   *     throws nothing has changed
   * @return how to bring them back
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   */
  public ParkedGroup parkTail(List<KvSequence> group, int firstBlockIndex, BlockMover mover) {
    return new Parking(this, group).park(firstBlockIndex, mover);
  }

  /**
   * Takes more of the blocks of parked sequences away, all or none.
   *
   * @param group what {@link #parkTail} returned, which this uses up
   * @param firstBlockIndex block index from which on blocks are taken, less than the group's
   * @param mover moves the content of the further blocks away, called once; if it throws nothing
   *     has changed
   * @return how to bring all of them back; the further blocks have the numbers behind the others
   * @throws IllegalArgumentException if the index is not less than the group's
   * @throws IllegalStateException if a sequence of the group is not parked any more
   */
  public ParkedGroup parkMore(ParkedGroup group, int firstBlockIndex, BlockMover mover) {
    return new Parking(this, group.sequences()).parkMore(group, firstBlockIndex, mover);
  }

  /**
   * How many blocks {@link #parkTail} or {@link #parkMore} would make available: those that nobody
   * outside the group holds, and no prefix cache keeps for some time.
   *
   * @param group distinct open sequences of this cache
   * @param firstBlockIndex block index from which on blocks would be given up
   * @return number of blocks
   * @throws IllegalArgumentException if a sequence is another cache's
   */
  public int numFreedByParking(List<KvSequence> group, int firstBlockIndex) {
    return new Parking(this, group).numFreed(firstBlockIndex);
  }

  /**
   * Opens sequences that are parked from the start, for content that comes from elsewhere: a file,
   * for instance. Takes no block; {@link #unpark} does, and until then they can be closed.
   *
   * @param lengths {@code [numSequences]} tokens of each, at least one sequence
   * @param blockNumbers {@code [numSequences, blocksFor(length)]} which of the group's distinct
   *     blocks a sequence has, in token order. Numbers start at 0 without a gap; sequences that
   *     share a block have it at the same index
   * @return how to bring their content in
   * @throws IllegalArgumentException if the tables do not describe such a group
   */
  public ParkedGroup openParked(int[] lengths, int[][] blockNumbers) {
    return new ParkedOpening(shape(), lengths, blockNumbers).openIn(this);
  }

  /**
   * Gives parked sequences blocks again, all or none, shared as they were, and then has their
   * content moved in.
   *
   * @param group what {@link #park} returned; its sequences must all still be parked
   * @param mover moves the content in, called once; if it throws the group stays parked
   * @throws OutOfBlocksException if there are too few free blocks for the content and for the
   *     suspended reservations of the group
   * @throws IllegalStateException if a sequence of the group is not parked any more
   */
  public void unpark(ParkedGroup group, BlockMover mover) {
    new Parking(this, group.sequences()).unpark(group, mover);
  }

  /**
   * Gives parked sequences back with the blocks they kept, and no tokens behind those, for content
   * that is computed again. Takes no block.
   *
   * @param group what {@link #park} returned; its sequences must all still be parked
   * @throws OutOfBlocksException if there are too few free blocks for the suspended reservations of
   *     the group
   * @throws IllegalStateException if a sequence of the group is not parked any more
   */
  public void unparkEmpty(ParkedGroup group) {
    new Parking(this, group.sequences()).unparkEmpty(group);
  }

  /**
   * Undoes {@link #unparkEmpty}: gives up what the sequences have got since, and leaves them parked
   * as they were, length included. Needs no memory.
   *
   * @param group what {@link #unparkEmpty} was given, and which has not been parked since
   * @param reservations what each sequence draws from when it comes back; of one that was closed,
   *     none
   * @throws IllegalStateException if a sequence of the group is not idle, or was parked in another
   *     group since
   */
  public void parkAgain(ParkedGroup group, List<BlockReservation> reservations) {
    Parking.parkAgain(this, group, reservations);
  }

  /**
   * What {@link #parkMore} would make of a group, for whoever wants to know first what it costs.
   * Nothing moves, and the result can be read but not brought back.
   *
   * @param group a group that is parked
   * @param firstBlockIndex block index from which on blocks would leave, less than before
   * @return the group as it would be
   * @throws IllegalArgumentException if the index is not less than before
   * @throws IllegalStateException if a sequence of the group was closed, or parked again since
   */
  public ParkedGroup asIfParkedFrom(ParkedGroup group, int firstBlockIndex) {
    return new Parking(this, group.sequences()).asIfParkedFrom(group, firstBlockIndex);
  }

  /**
   * Has blocks outlive their owners, as somebody says: the door for a prefix cache.
   *
   * @param order which idle blocks are given up first
   * @param newEviction told of blocks that are given up
   * @return the cached blocks, the caller's to close
   * @throws IllegalStateException if somebody has them already
   */
  public CachedBlocks openCachedBlocks(IdleOrder order, BlockEviction newEviction) {
    return CachedBlocks.open(this, order, newEviction);
  }

  /**
   * The cache's numbers now.
   *
   * @return a snapshot
   */
  public CacheStatistics statistics() {
    supply.await(0);
    lock.lock();
    try {
      return new CacheStatistics(
          pool.statistics(),
          layout().blockBytes(),
          sequences.all().size(),
          sequences.numTokens(),
          sequences.numForks(),
          numBlockCopies,
          numStepsCommitted,
          numStepsRolledBack);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves the bookkeeping by a full scan: the pool's own conservation (free + owned + idle + in
   * flight = all blocks), and that the block tables of all sequences hold exactly the references
   * the pool has counted. Not while a step is open: its blocks belong to no sequence yet. For tests
   * and debugging.
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    lock.lock();
    try {
      new CacheAudit(this).check();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives the memory back.
   *
   * @throws IllegalStateException if sequences are open, naming them, or it was closed before
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      List<KvSequence> open = sequences.all();
      if (!open.isEmpty()) {
        String holders =
            open.stream().limit(8).map(KvSequence::toString).collect(Collectors.joining(", "));
        throw new IllegalStateException(
            "sequences are still open, close them first or call closeAll: numSequences="
                + open.size()
                + ", first=["
                + holders
                + "]");
      }
      supply.awaitAll();
      pool.close();
      closed = true;
    } finally {
      lock.unlock();
    }
    storage.close();
  }

  /**
   * Closes all sequences, then the cache.
   *
   * @throws IllegalStateException if a sequence is in a step, or the cache was closed before;
   *     nothing has changed
   */
  public void closeAll() {
    lock.lock();
    try {
      requireOpen();
      sequences.closeAll();
      close();
    } finally {
      lock.unlock();
    }
  }

  // What steps and parking share with the cache. All but lock() need the lock.

  ReentrantLock lock() {
    return lock;
  }

  boolean isDebug() {
    return debug;
  }

  BlockPool pool() {
    return pool;
  }

  KvStorage storage() {
    return storage;
  }

  BlockSupply supply() {
    return supply;
  }

  GrantedReservations reservations() {
    return reservations;
  }

  OpenSequences sequences() {
    return sequences;
  }

  PlannedWriters plannedWriters() {
    return plannedWriters;
  }

  boolean isClosed() {
    return closed;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the cache is closed: numBlocks=" + storage.numBlocks());
    }
  }

  /** Open, and its memory not lost: all that is left to a cache that failed is to be closed. */
  void requireUsable() {
    requireOpen();
    Optional<String> failure = storage.failure();
    if (failure.isPresent()) {
      throw new IllegalStateException(
          "the cache has failed, close it and open another, " + failure.get());
    }
  }

  void countBlockCopies(int count) {
    numBlockCopies += count;
  }

  void countCommit() {
    numStepsCommitted++;
  }

  void countRollback() {
    numStepsRolledBack++;
  }

  @Override
  public String toString() {
    return "PagedKvCache[" + describe() + "]";
  }
}
