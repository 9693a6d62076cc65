package dev.pagoda.internal.kernel;

import java.util.ArrayDeque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Objects that threads borrow for the length of a call, so that calls allocate nothing once as many
 * exist as threads have ever been inside at once.
 *
 * <p>Borrowed rather than tied to a thread: the callers' threads may be virtual, and many.
 *
 * @param <T> what is borrowed
 */
public final class IdlePool<T> {
  private final ReentrantLock lock = new ReentrantLock();
  private final ArrayDeque<T> idle = new ArrayDeque<>();
  private final Supplier<T> factory;

  public IdlePool(Supplier<T> factory) {
    this.factory = factory;
  }

  /** Takes an idle object or makes one; {@link #give} it back. */
  public T take() {
    lock.lock();
    try {
      T taken = idle.pollLast();
      if (taken != null) {
        return taken;
      }
    } finally {
      lock.unlock();
    }
    return factory.get();
  }

  /** Gives an object back. */
  public void give(T object) {
    lock.lock();
    try {
      idle.addLast(object);
    } finally {
      lock.unlock();
    }
  }
}
