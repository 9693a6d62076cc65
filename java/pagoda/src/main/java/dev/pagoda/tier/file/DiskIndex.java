package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import dev.pagoda.tier.file.DiskEntry.State;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which blocks are on disk, which are on their way, and what makes room. Knows files by name only
 * and touches none. Not thread-safe.
 *
 * <p>Words: a <b>busy</b> entry's file is being written or removed; nobody else writes or removes
 * it meanwhile. One that could not be removed is <b>stranded</b> until somebody tries again. Room
 * is counted from the moment it is reserved until the file is gone.
 *
 * <p>What begins something allocates first and marks then; what ends something needs no memory.
 */
final class DiskIndex {
  private final long bytesMax;
  private final long fileBytes;
  private final Map<BlockKey, DiskEntry> entries = new HashMap<>();
  private final EntryRow present = new EntryRow(); // used longest ago first
  private final EntryRow stranded = new EntryRow();

  DiskIndex(long bytesMax, long fileBytes) {
    this.bytesMax = bytesMax;
    this.fileBytes = fileBytes;
  }

  private @Nullable DiskEntry find(BlockKey key) {
    DiskEntry entry = entries.get(key);
    return entry != null && entry.state == State.PRESENT ? entry : null;
  }

  /** Whether an entry's file is there and answers. */
  boolean contains(BlockKey key) {
    return find(key) != null;
  }

  /** Whether a file is there, or on its way, or could not be removed. */
  boolean knows(BlockKey key) {
    return entries.containsKey(key);
  }

  boolean isBusy(BlockKey key) {
    DiskEntry entry = entries.get(key);
    return entry != null && entry.state == State.BUSY;
  }

  /** The entry of a file that answers, which becomes the last one to be given up. */
  @Nullable DiskEntry touch(BlockKey key) {
    DiskEntry entry = find(key);
    if (entry != null) {
      present.remove(entry);
      present.addLast(entry);
    }
    return entry;
  }

  /** A file that was there before, used later than those added before it. */
  void found(DiskEntry entry) {
    startWrite(entry);
    endWrite(entry);
  }

  /**
   * Takes out those that have to go so that so many more files fit. They are busy from now on.
   *
   * @return the entries, used longest ago first
   */
  List<DiskEntry> makeRoom(int numFiles) {
    long needed = (entries.size() + (long) numFiles) * fileBytes - bytesMax;
    long numVictims = Math.clamp(Math.ceilDiv(needed, fileBytes), 0, present.size());
    return startRemovals(present.first((int) numVictims));
  }

  /** Takes out every file that answers. They are busy from now on. */
  List<DiskEntry> removeAll() {
    return startRemovals(present.first(present.size()));
  }

  /** Takes what could not be removed, to be tried again. They are busy from now on. */
  List<DiskEntry> takeStranded() {
    List<DiskEntry> all = stranded.first(stranded.size());
    for (int i = 0; i < all.size(); i++) {
      stranded.remove(all.get(i));
      all.get(i).state = State.BUSY;
    }
    return all;
  }

  private List<DiskEntry> startRemovals(List<DiskEntry> all) {
    for (int i = 0; i < all.size(); i++) {
      startRemoval(all.get(i));
    }
    return all;
  }

  /** Takes an entry out of what can be found; its room is kept until the file is gone. */
  void startRemoval(DiskEntry entry) {
    present.remove(entry);
    entry.state = State.BUSY;
  }

  /** The file of a busy entry is gone. */
  void endRemoval(DiskEntry entry) {
    entries.remove(entry.key(), entry);
  }

  /** The file of a busy entry, or its part, may be there, and is not to be found. */
  void strand(DiskEntry entry) {
    entry.state = State.STRANDED;
    stranded.addLast(entry);
  }

  boolean hasRoom() {
    return bytes() + fileBytes <= bytesMax;
  }

  /** Reserves room for the file of a new entry, which is busy. */
  void startWrite(DiskEntry entry) {
    try {
      entries.put(entry.key(), entry);
    } catch (OutOfMemoryError full) {
      entries.remove(entry.key()); // a table takes first and grows then
      throw full;
    }
  }

  /** The file of a busy entry is there. */
  void endWrite(DiskEntry entry) {
    entry.state = State.PRESENT;
    present.addLast(entry);
  }

  int numBlocks() {
    return present.size();
  }

  /** Entries whose files are being written or removed. */
  int numBusy() {
    return entries.size() - present.size() - stranded.size();
  }

  long bytes() {
    return entries.size() * fileBytes;
  }
}
