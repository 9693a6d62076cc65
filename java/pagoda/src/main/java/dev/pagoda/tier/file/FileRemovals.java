package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Removes files of a disk tier. One that cannot be removed is tried again before the next write.
 *
 * <p>Threads: any number.
 */
final class FileRemovals {
  private static final System.Logger LOGGER = System.getLogger(DiskTier.class.getName());

  private final TierFolder folder;
  private final DiskBooks books;

  FileRemovals(TierFolder folder, DiskBooks books) {
    this.folder = folder;
    this.books = books;
  }

  /** Removes the file of a busy entry, and its part. */
  void remove(DiskEntry entry) {
    boolean isGone = false;
    try {
      isGone = clean(entry);
    } finally {
      books.endRemoval(entry, isGone);
    }
  }

  /** Removes the files of busy entries: whatever fails, each of them is said to be gone or not. */
  private void removeAll(List<DiskEntry> entries) {
    int next = 0;
    try {
      while (next < entries.size()) {
        DiskEntry entry = entries.get(next);
        next++;
        remove(entry);
      }
    } finally {
      while (next < entries.size()) {
        books.endRemoval(entries.get(next), false);
        next++;
      }
    }
  }

  /** Makes room for one file, as far as files can be removed. */
  void makeRoom() {
    removeStranded();
    removeAll(books.startEvictions());
  }

  /** Removes every file that nobody reads or writes. */
  void clear() {
    removeAll(books.startClearing());
    removeStranded();
  }

  /** Tries once more to remove what could not be removed. */
  void removeStranded() {
    removeAll(books.takeStranded());
  }

  /**
   * Removes what is left of an entry: its part, or the whole file.
   *
   * @return whether nothing is left
   */
  boolean clean(DiskEntry entry) {
    boolean hasNoPart = entry.partNumber() == DiskEntry.NO_PART || tryDelete(folder.partOf(entry));
    return tryDelete(folder.pathOf(entry.key())) && hasNoPart;
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
