package dev.pagoda.tier.file;

import java.io.IOException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Removes files of a {@link SwapFolder}. One that cannot be removed costs room until that is tried
 * again, and is never read.
 *
 * <p>Nothing here throws, nor wants memory of its own: whoever removes a file has nothing more to
 * undo. Threads: any number.
 */
final class SwapFileRemovals {
  private static final System.Logger LOGGER = System.getLogger(SwapFolder.class.getName());

  private final FileCalls files;
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable SwapFile stranded; // guarded by the lock

  SwapFileRemovals(FileCalls files) {
    this.files = files;
  }

  /** Removes a file and its part, now or later. */
  void remove(SwapFile file) {
    if (!tryDelete(file)) {
      lock.lock();
      try {
        file.next = stranded;
        stranded = file;
      } finally {
        lock.unlock();
      }
    }
  }

  /** Tries once more to remove what could not be removed. */
  void removeStranded() {
    SwapFile file = takeStranded();
    while (file != null) {
      SwapFile following = file.next;
      remove(file);
      file = following;
    }
  }

  private @Nullable SwapFile takeStranded() {
    lock.lock();
    try {
      SwapFile first = stranded;
      stranded = null;
      return first;
    } finally {
      lock.unlock();
    }
  }

  private boolean tryDelete(SwapFile file) {
    try {
      files.delete(file.part());
      files.delete(file.path());
      return true;
    } catch (IOException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a file cannot be removed", refused);
      return false;
    } catch (OutOfMemoryError full) {
      return false;
    }
  }
}
