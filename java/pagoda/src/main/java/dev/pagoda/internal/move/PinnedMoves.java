package dev.pagoda.internal.move;

import dev.pagoda.block.BlockPool;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.KvStorage;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Pins the blocks of a pool from before a copy of them is asked for until it has passed, whoever
 * gives them up meanwhile, and whether or not the call that asked for it threw.
 *
 * <p>Pins end when somebody looks: at the next move, or when too few blocks are free. A storage
 * works in the order in which it was asked, so the oldest move ends first.
 *
 * <p>Threads: any number.
 */
public final class PinnedMoves {
  /** A move to be. */
  public static final class Move {
    private final KvStorage storage;
    private final long[] handles;
    private Fence fence = NOT_SET;
    private @Nullable Move younger;

    Move(KvStorage storage, long[] handles) {
      this.storage = storage;
      this.handles = handles;
    }

    /** Sets the fence behind what was asked for, or, if it could not be had then, behind more. */
    private void setFence() {
      if (fence.equals(NOT_SET)) {
        fence = storage.fence();
      }
    }

    private boolean hasPassed() {
      setFence();
      return fence.hasPassed();
    }

    private void await() {
      setFence();
      fence.await();
    }
  }

  private static final Fence NOT_SET =
      new Fence() {
        @Override
        public boolean hasPassed() {
          return false;
        }

        @Override
        public void await() {
          throw new IllegalStateException("nobody knows when it passes");
        }
      };

  private final BlockPool pool;
  private final ReentrantLock lock = new ReentrantLock();
  private volatile boolean isMoving; // whether there is an oldest one

  // Guarded by the lock. Moves are linked through themselves, because once bytes are on their way
  // there must be no more memory to want.
  private @Nullable Move oldest;
  private @Nullable Move youngest;

  /**
   * Nothing is moving.
   *
   * @param pool whose blocks are pinned
   */
  public PinnedMoves(BlockPool pool) {
    this.pool = pool;
  }

  /**
   * Takes the memory that a move needs here, and ends the pins of moves that have passed.
   *
   * @param storage what does it
   * @param handles blocks of the pool that are read or written, each one once, all owned
   * @return to be given to {@link #carryOut} once
   */
  public Move prepare(KvStorage storage, long[] handles) {
    letGo();
    return new Move(storage, handles);
  }

  /**
   * Has bytes moved.
   *
   * @param move what was prepared
   * @param copies asks the storage for it
   */
  public void carryOut(Move move, Runnable copies) {
    pool.pins().pin(move.handles, 0, move.handles.length);
    try {
      copies.run();
    } finally {
      unpinBehind(move);
    }
  }

  private void unpinBehind(Move move) {
    boolean hasPassed = false;
    try {
      hasPassed = move.hasPassed();
    } finally {
      if (hasPassed) {
        unpin(move);
      } else {
        getInLine(move);
      }
    }
  }

  private void getInLine(Move move) {
    lock.lock();
    try {
      if (youngest == null) {
        oldest = move;
      } else {
        youngest.younger = move;
      }
      youngest = move;
      isMoving = true;
    } finally {
      lock.unlock();
    }
  }

  private void unpin(Move move) {
    var _ = pool.pins().unpin(move.handles, 0, move.handles.length);
  }

  /** Ends the pins of moves that have passed. */
  public void letGo() {
    end(false);
  }

  /** Waits until nothing moves any more. */
  public void await() {
    end(true);
  }

  /**
   * Waits for moves if too few blocks are available without their end.
   *
   * @param numBlocks blocks that somebody is about to take
   */
  public void await(int numBlocks) {
    if (isMoving) {
      letGo();
      if (isMoving && pool.numAvailable() < numBlocks) {
        await();
      }
    }
  }

  private void end(boolean waits) {
    if (!isMoving) {
      return;
    }
    lock.lock();
    try {
      while (oldest != null && (waits || oldest.hasPassed())) {
        oldest.await();
        unpin(oldest);
        oldest = oldest.younger;
        if (oldest == null) {
          youngest = null;
        }
        isMoving = oldest != null;
      }
    } finally {
      lock.unlock();
    }
  }
}
