package dev.pagoda;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockPool;
import dev.pagoda.block.BlockTable;
import dev.pagoda.block.IdleOrder;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.event.CacheEvents;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;

/**
 * Keys and values of any number of sequences, in fixed-size blocks of one pool off the heap.
 *
 * <p>Memory: one contiguous pool of {@code numBlocks * blockBytes} bytes (see {@link KvLayout}),
 * plus 29 bytes of bookkeeping per block. Whoever opens a cache closes it, after its sequences;
 * closing twice is an {@link IllegalStateException}.
 *
 * <p>Threads: safe for any number. A sequence and a step have one writer at a time; different ones
 * run in parallel. No call blocks for longer than bookkeeping takes: bytes are copied and attention
 * is computed outside the lock.
 *
 * <p>Failure: a call that throws has changed nothing.
 */
public final class PagedKvCache implements AutoCloseable {
  private static final BlockEviction NO_EVICTION = (storage, blockIds) -> BlockEviction.Return.NONE;

  private final Backend backend;
  private final Kernels kernels;
  private final KvStorage storage;
  private final BlockPool pool;
  private final IdlePool<Scratch> scratches;
  private final boolean debug;
  private final CacheLock lock = new CacheLock();

  // Told of blocks that are given up; nobody caches any without telling whom.
  private volatile BlockEviction eviction = NO_EVICTION;

  // Guarded by the lock.
  private final List<KvSequence> sequences = new ArrayList<>();
  private final Set<BlockReservation> reservations = new LinkedHashSet<>();
  private final BlockReservation noReservation = new BlockReservation(this, 0);
  private final int[] plannedWriters; // per block, index into the plan being made plus 1, or 0
  private long nextSequenceId;
  private long nextParking;
  private long numTokens;
  private long numForks;
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
    pool = new BlockPool(numBlocks, debug, debug ? storage::poison : blockId -> {});
    if (debug) {
      for (int id = 0; id < numBlocks; id++) {
        storage.poison(id);
      }
    }
    scratches = new IdlePool<>(() -> kernels.newScratch(storage.layout()));
    plannedWriters = new int[numBlocks];
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
      return register(new BlockTable(pool, expectedBlocks), 0);
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

  KvSequence register(BlockTable table, int length) {
    KvSequence sequence = new KvSequence(this, nextSequenceId++, table, length);
    sequence.registryIndex = sequences.size();
    sequences.add(sequence);
    numTokens += length;
    return sequence;
  }

  KvSequence fork(KvSequence parent, int length) {
    lock.lock();
    try {
      requireUsable();
      requireIdle(parent);
      requireLength(parent, length);
      KvSequence fork = register(parent.table.fork(shape().blocksFor(length)), length);
      fork.draw(parent.reservation);
      numForks++;
      CacheEvents.current().forked(parent.id(), fork.id(), length);
      return fork;
    } finally {
      lock.unlock();
    }
  }

  void share(KvSequence target, KvSequence source, int length) {
    lock.lock();
    try {
      requireUsable();
      requireIdle(target);
      requireIdle(source);
      requireLength(source, length);
      if (target.length() > length || target.length() % shape().blockSize() != 0) {
        throw new IllegalStateException(
            "only a sequence of no or of fewer full blocks takes over tokens: length="
                + length
                + ", sequence="
                + target);
      }
      try {
        target.table.extendFrom(source.table, shape().blocksFor(length));
      } catch (IllegalArgumentException others) {
        throw new IllegalStateException(
            "the sequence has other tokens than the source: sequence=" + target, others);
      }
      numTokens += length - target.length();
      target.setLength(length);
    } finally {
      lock.unlock();
    }
  }

  void truncate(KvSequence sequence, int newLength) {
    lock.lock();
    try {
      requireUsable();
      requireIdle(sequence);
      requireLength(sequence, newLength);
      shorten(sequence, shape().blocksFor(newLength));
      numTokens -= sequence.length() - newLength;
      sequence.setLength(newLength);
      sequence.observer().truncated(newLength);
    } finally {
      lock.unlock();
    }
  }

  /** Drops the tail of a table; what becomes free is promised again to whom it was promised. */
  private static void shorten(KvSequence sequence, int newNumBlocks) {
    BlockReservation promise = sequence.reservation;
    promise.giveBack(sequence.table.truncate(newNumBlocks, promise.room()));
  }

  void drawFrom(KvSequence sequence, BlockReservation promise) {
    Resumption resumption;
    lock.lock();
    try {
      requireDrawable(sequence, promise);
      resumption = Resumption.of(this, promise);
    } finally {
      lock.unlock();
    }
    takePromise(resumption.total());
    lock.lock();
    try {
      resumption.complete();
      requireDrawable(sequence, promise);
      sequence.draw(promise);
    } finally {
      lock.unlock();
    }
  }

  private void requireDrawable(KvSequence sequence, BlockReservation promise) {
    requireHere(sequence);
    if (promise.cache() != this) {
      throw new IllegalArgumentException("a reservation of another cache: reservation=" + promise);
    }
    if (promise.isClosed()) {
      throw new IllegalStateException("the reservation is closed: reservation=" + promise);
    }
  }

  BlockReservation reservationOf(KvSequence sequence) {
    lock.lock();
    try {
      return sequence.reservation;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Reserves blocks for sequences that will grow, all or none.
   *
   * @param numBlocks blocks to promise, at least 0
   * @return the promise, the caller's to close
   * @throws OutOfBlocksException if too few blocks are free and not promised to others
   */
  public BlockReservation reserve(int numBlocks) {
    BlockReservation.requireCount(numBlocks);
    takePromise(numBlocks);
    lock.lock();
    try {
      requireOpen();
      BlockReservation reservation = new BlockReservation(this, numBlocks);
      reservations.add(reservation);
      return reservation;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Reserves blocks in the pool, giving up idle ones where too few are free. Not inside the lock.
   */
  void takePromise(int numBlocks) {
    if (pool.promises().tryReserve(numBlocks)) {
      return;
    }
    try {
      pool.requireCapacity(numBlocks);
      long[] handles = new long[numBlocks];
      allocateSaved(handles);
      var _ = pool.release(handles, 0, numBlocks, numBlocks);
    } catch (OutOfBlocksException tooFew) {
      tellExhausted(tooFew);
      throw tooFew;
    }
  }

  /** Allocates blocks, and lets the content of those that are given up be saved. */
  void allocateSaved(long[] handles) {
    int numReclaimed = pool.allocate(handles, 0, handles.length);
    try {
      var _ = saveReclaimed(handles, handles.length - numReclaimed, handles.length);
    } catch (Throwable refused) {
      var _ = pool.release(handles, 0, handles.length);
      throw refused;
    }
  }

  /**
   * Reserves blocks for sequences that will grow, all or none, or says that it cannot. Never waits.
   *
   * @param numBlocks blocks to promise, at least 0
   * @return the promise, the caller's to close; none if too few blocks are free and not promised to
   *     others
   */
  public Optional<BlockReservation> tryReserve(int numBlocks) {
    try {
      return Optional.of(reserve(numBlocks));
    } catch (OutOfBlocksException tooFew) {
      return Optional.empty();
    }
  }

  static void tellExhausted(OutOfBlocksException tooFew) {
    CacheEvents.current().exhausted(tooFew.needed(), tooFew.free(), tooFew.total());
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

  boolean tryTakePromise(int numBlocks) {
    try {
      takePromise(numBlocks);
      return true;
    } catch (OutOfBlocksException tooFew) {
      return false;
    }
  }

  /** That of sequences that have none. */
  BlockReservation noReservation() {
    return noReservation;
  }

  void forget(BlockReservation reservation) {
    reservations.remove(reservation);
  }

  int[] blockIds(KvSequence sequence) {
    lock.lock();
    try {
      requireHere(sequence);
      int[] ids = new int[sequence.table.numBlocks()];
      sequence.table.copyIds(ids, 0);
      return ids;
    } finally {
      lock.unlock();
    }
  }

  long numBlockCopiesOf(KvSequence sequence) {
    lock.lock();
    try {
      return sequence.numBlockCopies;
    } finally {
      lock.unlock();
    }
  }

  int numBlocksOf(KvSequence sequence) {
    lock.lock();
    try {
      return sequence.table.numBlocks();
    } finally {
      lock.unlock();
    }
  }

  KvSequence.State stateOf(KvSequence sequence) {
    lock.lock();
    try {
      return sequence.state;
    } finally {
      lock.unlock();
    }
  }

  void close(KvSequence sequence) {
    lock.lock();
    try {
      if (sequence.state == KvSequence.State.CLOSED) {
        return;
      }
      if (sequence.state != KvSequence.State.PARKED) {
        requireIdle(sequence);
        numTokens -= sequence.length();
      }
      shorten(sequence, 0);
      sequence.reservation.leave(sequence.state);
      sequence.reservation = noReservation;
      sequence.state = KvSequence.State.CLOSED;
      unregister(sequence);
    } finally {
      lock.unlock();
    }
  }

  private void unregister(KvSequence sequence) {
    KvSequence last = sequences.removeLast();
    if (last != sequence) {
      sequences.set(sequence.registryIndex, last);
      last.registryIndex = sequence.registryIndex;
    }
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
   * outside the group holds.
   *
   * @param group distinct open sequences of this cache
   * @param firstBlockIndex block index from which on blocks would be given up
   * @return number of blocks
   * @throws IllegalArgumentException if a sequence is another cache's
   */
  public int numFreedByParking(List<KvSequence> group, int firstBlockIndex) {
    lock.lock();
    try {
      Map<Long, Integer> inGroup = new HashMap<>();
      for (KvSequence sequence : group) {
        if (sequence.cache() != this) {
          throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
        }
        for (int i = firstBlockIndex; i < sequence.table.numBlocks(); i++) {
          inGroup.merge(sequence.table.handle(i), 1, Integer::sum);
        }
      }
      int numFreed = 0;
      for (Map.Entry<Long, Integer> block : inGroup.entrySet()) {
        numFreed += pool.referenceCount(block.getKey()) == block.getValue() ? 1 : 0;
      }
      return numFreed;
    } finally {
      lock.unlock();
    }
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
    int[][] tables = Arrays.stream(blockNumbers).map(int[]::clone).toArray(int[][]::new);
    int numBlocks = Parking.requireGroup(shape(), lengths, tables);
    lock.lock();
    try {
      requireOpen();
      List<KvSequence> group = new ArrayList<>();
      for (int length : lengths) {
        KvSequence sequence = register(new BlockTable(pool, 0), length);
        numTokens -= length;
        sequence.state = KvSequence.State.PARKED;
        sequence.parking = nextParking;
        sequence.reservation.park();
        group.add(sequence);
      }
      ParkedGroup.Tables all = new ParkedGroup.Tables(0, numBlocks, tables);
      return new ParkedGroup(group, all, lengths.clone(), nextParking());
    } finally {
      lock.unlock();
    }
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
   * as they were, length included.
   *
   * @param group what {@link #unparkEmpty} was given, and which has not been parked since
   * @throws IllegalStateException if a sequence of the group is not idle, or was parked in another
   *     group since
   */
  public void parkAgain(ParkedGroup group) {
    new Parking(this, group.sequences()).parkAgain(group);
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
    Objects.requireNonNull(newEviction, "newEviction");
    lock.lock();
    try {
      requireOpen();
      if (!eviction.equals(NO_EVICTION)) {
        throw new IllegalStateException("the cache has a prefix cache already: cache=" + this);
      }
      pool.caching().setIdleOrder(order);
      eviction = newEviction;
      return new CachedBlocks(this);
    } finally {
      lock.unlock();
    }
  }

  void closeCachedBlocks() {
    lock.lock();
    try {
      if (!closed) {
        pool.caching().unsetIdleOrder();
      }
      eviction = NO_EVICTION;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Lets the content of blocks that were given up be saved, before anybody overwrites it. Not
   * inside the lock.
   *
   * @return how to take that back while nobody has
   */
  BlockEviction.Return saveReclaimed(long[] handles, int from, int to) {
    if (from < to) {
      int[] blockIds = new int[to - from];
      for (int i = 0; i < blockIds.length; i++) {
        blockIds[i] = BlockHandle.blockId(handles[from + i]);
      }
      return eviction.evicted(storage, blockIds);
    }
    return BlockEviction.Return.NONE;
  }

  /**
   * The cache's numbers now.
   *
   * @return a snapshot
   */
  public CacheStatistics statistics() {
    lock.lock();
    try {
      return new CacheStatistics(
          pool.statistics(),
          layout().blockBytes(),
          sequences.size(),
          numTokens,
          numForks,
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
      pool.checkConservation();
      int[] references = new int[pool.numBlocks()];
      long tokens = 0;
      for (KvSequence sequence : sequences) {
        if (sequence.state == KvSequence.State.BUSY) {
          throw new IllegalStateException(
              "a sequence is in a step or on the move: sequence=" + sequence);
        }
        BlockTable table = sequence.table;
        for (int i = 0; i < table.numBlocks(); i++) {
          references[table.blockId(i)]++;
        }
        if (sequence.state == KvSequence.State.IDLE) {
          tokens += sequence.length();
          requireHolds(
              table.numBlocks() == shape().blocksFor(sequence.length()),
              "a table does not fit its length: numBlocks=" + table.numBlocks() + ", " + sequence);
        }
        for (int i = 0; i < table.numBlocks(); i++) {
          int counted = pool.referenceCount(table.handle(i));
          requireHolds(
              references[table.blockId(i)] <= counted,
              "more tables name a block than own it: blockId="
                  + table.blockId(i)
                  + ", referenceCount="
                  + counted);
        }
      }
      long total = 0;
      for (int count : references) {
        total += count;
      }
      requireHolds(
          total == pool.statistics().numReferences(),
          "references are held by no sequence: numReferences="
              + pool.statistics().numReferences()
              + ", inTables="
              + total);
      long promised = 0;
      for (BlockReservation reservation : reservations) {
        promised += reservation.inPool();
      }
      requireHolds(
          promised == pool.statistics().numReserved(),
          "blocks are reserved for nobody: numReserved="
              + pool.statistics().numReserved()
              + ", promised="
              + promised);
      requireHolds(
          tokens == numTokens, "tokens are miscounted: numTokens=" + numTokens + ", is=" + tokens);
    } finally {
      lock.unlock();
    }
  }

  private static void requireHolds(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
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
      if (!sequences.isEmpty()) {
        String holders =
            sequences.stream().limit(8).map(KvSequence::toString).collect(Collectors.joining(", "));
        throw new IllegalStateException(
            "sequences are still open, close them first or call closeAll: numSequences="
                + sequences.size()
                + ", first=["
                + holders
                + "]");
      }
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
      for (KvSequence sequence : sequences) {
        if (sequence.state == KvSequence.State.BUSY) {
          throw new IllegalStateException(
              "a sequence is in a step or on the move: sequence=" + sequence);
        }
      }
      while (!sequences.isEmpty()) {
        close(sequences.getLast());
      }
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

  /** Entry of the plan being made that would write into a shared block, or -1. */
  int plannedWriter(long handle) {
    return plannedWriters[BlockHandle.blockId(handle)] - 1;
  }

  void planWriter(long handle, int entry) {
    plannedWriters[BlockHandle.blockId(handle)] = entry + 1;
  }

  void clearPlannedWriter(long handle) {
    plannedWriters[BlockHandle.blockId(handle)] = 0;
  }

  void requireIdle(KvSequence sequence) {
    requireState(sequence, KvSequence.State.IDLE);
  }

  void requireHere(KvSequence sequence) {
    if (sequence.state != KvSequence.State.BUSY) {
      requireIdle(sequence);
    }
  }

  long nextParking() {
    return nextParking++;
  }

  void requireParked(ParkedGroup group) {
    requireOpen();
    for (KvSequence sequence : group.sequences()) {
      requireState(sequence, KvSequence.State.PARKED);
      requireParking(sequence, group);
    }
  }

  static void requireParking(KvSequence sequence, ParkedGroup group) {
    if (sequence.parking != group.parking()) {
      throw new IllegalStateException(
          "the sequence was parked again since, in another group: sequence=" + sequence);
    }
  }

  void requireState(KvSequence sequence, KvSequence.State state) {
    if (sequence.cache() != this) {
      throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
    }
    if (sequence.state != state) {
      throw new IllegalStateException(
          "the sequence must be " + state + " for this: sequence=" + sequence);
    }
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the cache is closed: shape=" + shape());
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

  private static void requireLength(KvSequence sequence, int length) {
    if (length < 0 || length > sequence.length()) {
      throw new IllegalArgumentException(
          "the sequence has other tokens: length=" + sequence.length() + ", asked=" + length);
    }
  }

  void addTokens(long count) {
    numTokens += count;
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
