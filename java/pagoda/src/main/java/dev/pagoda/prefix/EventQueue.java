package dev.pagoda.prefix;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Events on their way to the listeners: put in line inside the shelf's lock, delivered outside of
 * it, by one thread at a time and in order.
 */
class EventQueue {
  private static final System.Logger LOGGER = System.getLogger("dev.pagoda");

  private final List<PrefixListener> listeners = new CopyOnWriteArrayList<>();
  private final Queue<Consumer<PrefixListener>> waiting = new ConcurrentLinkedQueue<>();
  private final ReentrantLock delivering = new ReentrantLock();
  private long lastNumber; // guarded by the shelf's lock

  void addListener(PrefixListener listener) {
    listeners.add(listener);
  }

  void removeListener(PrefixListener listener) {
    listeners.remove(listener);
  }

  // Inside the shelf's lock, in the middle of changes: cannot fail.

  void stored(PrefixBlock block) {
    lastNumber++;
    if (!listeners.isEmpty()) {
      long number = lastNumber;
      try {
        waiting.add(listener -> listener.stored(number, block));
      } catch (OutOfMemoryError full) {
        // Lost: the gap in the numbers says so.
      }
    }
  }

  void removed(PrefixBlock block, RemovalReason reason) {
    lastNumber++;
    if (!listeners.isEmpty()) {
      long number = lastNumber;
      try {
        waiting.add(listener -> listener.removed(number, block, reason));
      } catch (OutOfMemoryError full) {
        // As above.
      }
    }
  }

  void cleared() {
    lastNumber++;
    if (!listeners.isEmpty()) {
      long number = lastNumber;
      try {
        waiting.add(listener -> listener.cleared(number));
      } catch (OutOfMemoryError full) {
        // As above.
      }
    }
  }

  // Outside of it.

  void deliver() {
    // Looks again after letting go, for what somebody put in line who found the line held.
    boolean mayBeMore = deliverWaiting();
    while (mayBeMore) {
      mayBeMore = deliverWaiting();
    }
  }

  /** Delivers what is in line, unless somebody does; returns whether it did. */
  final boolean deliverWaiting() {
    if (waiting.isEmpty() || delivering.isHeldByCurrentThread() || !delivering.tryLock()) {
      return false;
    }
    try {
      Consumer<PrefixListener> event = waiting.poll();
      while (event != null) {
        deliver(event);
        event = waiting.poll();
      }
      return true;
    } finally {
      letGo();
    }
  }

  void letGo() {
    delivering.unlock();
  }

  private void deliver(Consumer<PrefixListener> event) {
    try {
      for (PrefixListener listener : listeners) {
        try {
          event.accept(listener);
        } catch (RuntimeException failed) {
          LOGGER.log(System.Logger.Level.WARNING, "a listener of a prefix cache failed", failed);
        }
      }
    } catch (OutOfMemoryError full) {
      // Whoever delivers is in the middle of something else, which the event is no reason to fail.
    }
  }
}
