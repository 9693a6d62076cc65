package dev.pagoda;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockPool;
import dev.pagoda.block.IdleOrder;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.internal.move.PinnedMoves;
import dev.pagoda.memory.KvStorage;
import java.util.Arrays;

/**
 * Blocks of a pool for whoever must have them now: where too few are free, idle ones are given up,
 * and somebody may save their content before it is overwritten.
 *
 * <p>Saving moves bytes, so that all but {@link #openCaching} and {@link #closeCaching} is called
 * outside the cache's lock. Threads: any number.
 */
final class BlockSupply {
  private static final BlockEviction NO_EVICTION = (storage, blockIds) -> BlockEviction.Return.NONE;

  private final BlockPool pool;
  private final KvStorage storage;
  private final PinnedMoves moves;

  private final int[] one = new int[1];

  // Told of blocks that are given up; nobody caches any without telling whom.
  private volatile BlockEviction eviction = NO_EVICTION;

  BlockSupply(BlockPool pool, KvStorage storage) {
    this.pool = pool;
    this.storage = storage;
    moves = new PinnedMoves(pool);
  }

  /** Has idle blocks given up in an order, and somebody told. With the lock. */
  void openCaching(IdleOrder order, BlockEviction newEviction) {
    if (!eviction.equals(NO_EVICTION)) {
      throw new IllegalStateException(
          "the cache has a prefix cache already: numBlocks=" + pool.numBlocks());
    }
    pool.caching().setIdleOrder(order);
    eviction = newEviction;
  }

  /** Ends that, when nothing is cached any more. With the lock. */
  void closeCaching(boolean isPoolOpen) {
    if (isPoolOpen) {
      pool.caching().unsetIdleOrder();
    }
    eviction = NO_EVICTION;
  }

  /** Keeps blocks that somebody owns still until what copies them has passed. */
  void move(long[] handles, Runnable copies) {
    moves.carryOut(moves.prepare(storage, handles), copies);
  }

  /** Before blocks are taken: those that only wait for a copy to pass may be among them. */
  void await(int numBlocks) {
    moves.await(numBlocks);
  }

  /** Before the pool closes. */
  void awaitAll() {
    moves.await();
  }

  /** Takes blocks, all or none, and lets the content of those that are given up be saved. */
  void take(long[] handles) {
    await(handles.length);
    int numReclaimed = pool.allocate(handles, 0, handles.length);
    try {
      var _ = saveReclaimed(handles, handles.length - numReclaimed, handles.length);
    } catch (Throwable refused) {
      var _ = pool.release(handles, 0, handles.length);
      throw refused;
    }
  }

  /**
   * Lets the content of blocks that were given up be saved, before anybody overwrites it.
   *
   * @return how to take that back while nobody has
   */
  BlockEviction.Return saveReclaimed(long[] handles, int from, int to) {
    if (from == to) {
      return BlockEviction.Return.NONE;
    }
    Offer offer = offer(handles, from, to);
    moves.carryOut(offer.move, offer);
    return offer.back;
  }

  /** Blocks that were given up, on their way to whoever may save them. */
  private final class Offer implements Runnable {
    private final PinnedMoves.Move move;
    private final int[] blockIds;
    private BlockEviction.Return back = BlockEviction.Return.NONE;

    Offer(long[] all, int from, int to) {
      long[] handles = Arrays.copyOfRange(all, from, to);
      move = moves.prepare(storage, handles);
      blockIds = new int[handles.length];
      for (int i = 0; i < blockIds.length; i++) {
        blockIds[i] = BlockHandle.blockId(handles[i]);
      }
    }

    @Override
    public void run() {
      back = eviction.evicted(storage, blockIds);
    }
  }

  /** Without memory the blocks are given up one by one, before that is said. */
  private Offer offer(long[] handles, int from, int to) {
    try {
      return new Offer(handles, from, to);
    } catch (OutOfMemoryError full) {
      synchronized (one) {
        for (int i = from; i < to; i++) {
          one[0] = BlockHandle.blockId(handles[i]);
          try {
            var _ = eviction.evicted(storage, one);
          } catch (OutOfMemoryError stillFull) {
            // It was told, and could not say how to take it back.
          }
        }
      }
      throw full;
    }
  }

  /** Has blocks promised, all or none. */
  void promise(int numBlocks) {
    await(numBlocks);
    if (pool.promises().tryReserve(numBlocks)) {
      return;
    }
    try {
      pool.requireCapacity(numBlocks);
      long[] handles = new long[numBlocks];
      take(handles);
      var _ = pool.release(handles, 0, numBlocks, numBlocks);
    } catch (OutOfBlocksException tooFew) {
      tellExhausted(tooFew);
      throw tooFew;
    }
  }

  boolean tryPromise(int numBlocks) {
    try {
      promise(numBlocks);
      return true;
    } catch (OutOfBlocksException tooFew) {
      return false;
    }
  }

  static void tellExhausted(OutOfBlocksException tooFew) {
    CacheEvents.current().exhausted(tooFew.needed(), tooFew.free(), tooFew.total());
  }
}
