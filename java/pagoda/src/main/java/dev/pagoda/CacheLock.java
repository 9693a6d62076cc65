package dev.pagoda;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * The lock of a cache's bookkeeping. When a thread leaves it for good, those who watch the level of
 * the pool are told: every path that takes or frees blocks comes by here, and no listener is called
 * with the lock held.
 */
final class CacheLock extends ReentrantLock {
  private static final long serialVersionUID = 1L;

  private transient volatile List<WatermarkWatch> watches = List.of();

  CacheLock() {}

  @Override
  public void unlock() {
    super.unlock();
    List<WatermarkWatch> present = watches;
    if (!present.isEmpty() && !isHeldByCurrentThread()) {
      for (int i = 0; i < present.size(); i++) { // by index: an iterator wants memory
        present.get(i).update();
      }
    }
  }

  void watch(WatermarkWatch watch) {
    lock();
    try {
      watches = Stream.concat(watches.stream(), Stream.of(watch)).toList();
    } finally {
      unlock();
    }
  }

  void unwatch(WatermarkWatch watch) {
    lock();
    try {
      watches = watches.stream().filter(other -> !other.equals(watch)).toList();
    } finally {
      unlock();
    }
  }
}
