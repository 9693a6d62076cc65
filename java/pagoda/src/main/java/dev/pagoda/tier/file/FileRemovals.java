package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Removes files of a disk tier. One that cannot be removed is tried again before the next write.
 *
 * <p>Threads: any number.
 */
final class FileRemovals {
  private static final System.Logger LOGGER = System.getLogger(DiskTier.class.getName());

  private final TierFolder folder;
  private final DiskBooks books;
  private final Queue<Path> strandedParts = new ConcurrentLinkedQueue<>();

  FileRemovals(TierFolder folder, DiskBooks books) {
    this.folder = folder;
    this.books = books;
  }

  /** Removes the file of a busy key. */
  void remove(BlockKey key) {
    boolean isGone = false;
    try {
      isGone = tryDelete(folder.pathOf(key));
    } finally {
      books.endRemoval(key, isGone);
    }
  }

  /** Removes the files of busy keys: whatever fails, each of them is said to be gone or not. */
  void removeAll(List<BlockKey> keys) {
    int next = 0;
    try {
      while (next < keys.size()) {
        BlockKey key = keys.get(next);
        next++;
        remove(key);
      }
    } finally {
      while (next < keys.size()) {
        books.endRemoval(keys.get(next), false);
        next++;
      }
    }
  }

  /** Makes room for one file, as far as files can be removed. */
  void makeRoom() {
    removeAll(books.takeStranded());
    List<Path> stillThere = new ArrayList<>();
    for (Path part = strandedParts.poll(); part != null; part = strandedParts.poll()) {
      if (!tryDelete(part)) {
        stillThere.add(part);
      }
    }
    strandedParts.addAll(stillThere);
    removeAll(books.startEvictions());
  }

  /**
   * Removes what a write that failed may have left: its part, or the whole file after all.
   *
   * @return whether nothing is left under the block's name
   */
  boolean clean(BlockKey key, Path part) {
    if (!tryDelete(part)) {
      strandedParts.add(part);
    }
    return tryDelete(folder.pathOf(key));
  }

  private boolean tryDelete(Path path) {
    try {
      folder.delete(path);
      return true;
    } catch (IOException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a file cannot be removed", refused);
      return false;
    }
  }
}
