package dev.pagoda;

import dev.pagoda.block.BlockPool;
import java.lang.System.Logger;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A {@link WatermarkListener} that is being told; closing it ends that. Closing twice is allowed.
 * Threads: any number.
 */
public class WatermarkWatch implements AutoCloseable {
  private static final Logger LOGGER = System.getLogger("dev.pagoda");

  private final CacheLock lock;
  private final BlockPool pool;
  private final Watermarks marks;
  private final WatermarkListener listener;

  // Calls of update that are not answered for yet. Whoever makes it 1 answers for all of them.
  private final AtomicInteger pending = new AtomicInteger();
  private Watermarks.Level told = Watermarks.Level.LOW;

  WatermarkWatch(CacheLock lock, BlockPool pool, Watermarks marks, WatermarkListener listener) {
    this.lock = lock;
    this.pool = pool;
    this.marks = marks;
    this.listener = listener;
  }

  /** The level may have changed. Outside the lock. */
  void update() {
    if (pending.getAndIncrement() != 0) {
      return;
    }
    int answered = 1;
    do {
      int numTaken = pool.numBlocks() - pool.numAvailable();
      Watermarks.Level now = marks.after(told, numTaken, pool.numBlocks());
      if (now != told && tell(now)) {
        told = now;
      }
      answered = leave(answered);
    } while (answered != 0);
  }

  /** Lets go of what is answered for; returns how many have come since, to be answered for. */
  int leave(int answered) {
    return pending.addAndGet(-answered);
  }

  /** Returns false if it must be told again, when somebody comes by next. */
  private boolean tell(Watermarks.Level level) {
    try {
      listener.reached(level, pool.statistics());
    } catch (OutOfMemoryError full) {
      return false; // whose call changed the level has done so, and is not to fail
    } catch (RuntimeException broken) {
      LOGGER.log(Logger.Level.WARNING, "a watermark listener failed: level=" + level, broken);
    }
    return true;
  }

  /** Nothing is told any more, but a call that is on its way. */
  @Override
  public void close() {
    lock.unwatch(this);
  }
}
