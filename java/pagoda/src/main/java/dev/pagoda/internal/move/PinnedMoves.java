package dev.pagoda.internal.move;

import dev.pagoda.block.BlockPool;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.KvStorage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.ReentrantLock;

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
  @SuppressWarnings("ArrayRecordComponent") // nobody compares it
  private record Move(long[] handles, Fence fence) {}

  private final BlockPool pool;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Move> moving = new ArrayDeque<>(); // oldest first; guarded by the lock
  private volatile int numMoving;

  /**
   * Nothing is moving.
   *
   * @param pool whose blocks are pinned
   */
  public PinnedMoves(BlockPool pool) {
    this.pool = pool;
  }

  /**
   * Has bytes moved.
   *
   * @param storage what does it
   * @param handles blocks of the pool that are read or written, each one once, all owned
   * @param copies asks the storage for it
   */
  public void move(KvStorage storage, long[] handles, Runnable copies) {
    letGo();
    pool.pins().pin(handles, 0, handles.length);
    try {
      copies.run();
    } finally {
      unpinBehind(storage.fence(), handles);
    }
  }

  private void unpinBehind(Fence fence, long[] handles) {
    if (fence.hasPassed()) {
      unpin(handles);
      return;
    }
    lock.lock();
    try {
      moving.add(new Move(handles, fence));
      numMoving = moving.size();
    } finally {
      lock.unlock();
    }
  }

  private void unpin(long[] handles) {
    var _ = pool.pins().unpin(handles, 0, handles.length);
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
    if (numMoving > 0) {
      letGo();
      if (numMoving > 0 && pool.numAvailable() < numBlocks) {
        await();
      }
    }
  }

  private void end(boolean waits) {
    if (numMoving == 0) {
      return;
    }
    lock.lock();
    try {
      while (!moving.isEmpty() && (waits || moving.getFirst().fence.hasPassed())) {
        moving.getFirst().fence.await();
        unpin(moving.removeFirst().handles);
        numMoving = moving.size();
      }
    } finally {
      lock.unlock();
    }
  }
}
