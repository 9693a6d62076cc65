package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which blocks are on disk, which are on their way, and what makes room. Knows files by name only
 * and touches none. Not thread-safe.
 *
 * <p>Words: a <b>busy</b> key's file is being written or removed; nobody else writes or removes it
 * meanwhile. Room is counted from the moment it is reserved until the file is gone.
 */
final class DiskIndex {
  private final long bytesMax;
  private final long fileBytes;
  private final Map<BlockKey, Boolean> present = new LinkedHashMap<>(); // used longest ago first
  private final Set<BlockKey> busy = new HashSet<>();
  private long bytes;

  DiskIndex(long bytesMax, long fileBytes) {
    this.bytesMax = bytesMax;
    this.fileBytes = fileBytes;
  }

  boolean contains(BlockKey key) {
    return present.containsKey(key);
  }

  /** Makes a key the last one to be given up, if it is there. */
  boolean touch(BlockKey key) {
    if (present.remove(key) == null) {
      return false;
    }
    present.put(key, true);
    return true;
  }

  boolean isBusy(BlockKey key) {
    return busy.contains(key);
  }

  /** A file that was there before, used later than those added before it. */
  void found(BlockKey key) {
    present.put(key, true);
    bytes += fileBytes;
  }

  /**
   * Keys that have to go so that so many more files fit. They are busy from now on.
   *
   * @return the keys, used longest ago first
   */
  List<BlockKey> makeRoom(int numFiles) {
    List<BlockKey> victims = new ArrayList<>();
    long freed = 0;
    for (BlockKey key : present.keySet()) {
      if (bytes - freed + numFiles * fileBytes <= bytesMax) {
        break;
      }
      victims.add(key);
      freed += fileBytes;
    }
    victims.forEach(this::startRemoval);
    return victims;
  }

  /** Takes a key out of what can be found; its room is kept until the file is gone. */
  void startRemoval(BlockKey key) {
    present.remove(key);
    busy.add(key);
  }

  void endRemoval(BlockKey key) {
    busy.remove(key);
    bytes -= fileBytes;
  }

  boolean hasRoom() {
    return bytes + fileBytes <= bytesMax;
  }

  /** Reserves room for a file. */
  void startWrite(BlockKey key) {
    busy.add(key);
    bytes += fileBytes;
  }

  void endWrite(BlockKey key, boolean isThere) {
    busy.remove(key);
    if (isThere) {
      present.put(key, true);
    } else {
      bytes -= fileBytes;
    }
  }

  int numBlocks() {
    return present.size();
  }

  int numBusy() {
    return busy.size();
  }

  long bytes() {
    return bytes;
  }

  List<BlockKey> keys() {
    return new ArrayList<>(present.keySet());
  }
}
