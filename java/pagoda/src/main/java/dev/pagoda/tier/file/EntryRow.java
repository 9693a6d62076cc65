package dev.pagoda.tier.file;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Entries one behind the other, linked through themselves: to add one and to take one out needs no
 * memory. An entry is in one row at most. Not thread-safe.
 */
final class EntryRow {
  private @Nullable DiskEntry first;
  private @Nullable DiskEntry last;
  private int size;

  int size() {
    return size;
  }

  void addLast(DiskEntry entry) {
    entry.older = last;
    entry.newer = null;
    if (last == null) {
      first = entry;
    } else {
      last.newer = entry;
    }
    last = entry;
    size++;
  }

  /** Takes an entry out that is here. */
  void remove(DiskEntry entry) {
    if (entry.older == null) {
      first = entry.newer;
    } else {
      entry.older.newer = entry.newer;
    }
    if (entry.newer == null) {
      last = entry.older;
    } else {
      entry.newer.older = entry.older;
    }
    size--;
  }

  /** The first ones, at most as many as there are; they stay. */
  List<DiskEntry> first(int count) {
    List<DiskEntry> some = new ArrayList<>(count);
    DiskEntry next = first;
    for (int i = 0; i < count; i++) {
      if (next == null) {
        throw new NoSuchElementException("size=" + size + ", count=" + count);
      }
      some.add(next);
      next = next.newer;
    }
    return some;
  }
}
