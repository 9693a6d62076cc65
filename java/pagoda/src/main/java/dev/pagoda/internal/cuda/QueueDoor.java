package dev.pagoda.internal.cuda;

import java.lang.foreign.Arena;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The way of one object to the queue its work goes to: one thread at a time, in the queue's
 * context, until the object is closed, once.
 *
 * <p>Threads: any, each with a {@link CallMemory} of its own or one that only this door guards.
 */
final class QueueDoor {
  private final DeviceQueue queue;
  private final Object object; // whose door it is, for messages
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private boolean closed;

  QueueDoor(DeviceQueue queue, Object object) {
    this.queue = queue;
    this.object = object;
  }

  /**
   * Lets the thread in; {@link #leave} follows whatever happens between.
   *
   * @throws IllegalStateException if the object or its cache was closed, or the device is lost
   */
  void enter(CallMemory memory) {
    lock.lock();
    try {
      requireOpen();
      queue.enter(memory);
    } catch (Throwable refused) {
      lock.unlock();
      throw refused;
    }
  }

  void leave(CallMemory memory) {
    try {
      queue.leave(memory);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Closes the door for good.
   *
   * @throws IllegalStateException if it was closed before
   */
  void close() {
    lock.lock();
    try {
      requireOpen();
      closed = true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Closes the door for good and, once all work queued so far has passed, destroys what is behind
   * it. What a lost device held is gone with it.
   *
   * @throws IllegalStateException if the object or its cache was closed before
   */
  void close(Consumer<CallMemory> destroy) {
    close();
    if (queue.failure().isEmpty()) {
      try (Arena scratch = Arena.ofConfined()) {
        CallMemory memory = CallMemory.allocate(scratch);
        queue.enter(memory);
        try {
          queue.waitEntered(memory);
          destroy.accept(memory);
        } finally {
          queue.leave(memory);
        }
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("it was closed before: " + object);
    }
  }
}
