package dev.pagoda.tier.file;

import dev.pagoda.memory.HostStorage;
import java.io.IOException;
import java.util.List;

/**
 * What a disk tier has until it closes: staging memory and its folder's lock. What cannot be given
 * back for want of memory is still here, and goes when somebody closes again. Not thread-safe.
 */
final class TierHoldings {
  private final HostStorage staging;
  private final List<BlockStaging> areas;
  private final FileCalls.FolderLock folderLock;
  private boolean isLocked = true;
  private boolean hasStaging = true;

  /**
   * Holdings.
   *
   * @param areas of the staging memory; the list is used up
   */
  TierHoldings(HostStorage staging, List<BlockStaging> areas, FileCalls.FolderLock folderLock) {
    this.staging = staging;
    this.areas = areas;
    this.folderLock = folderLock;
  }

  /** Whether everything was given back. */
  boolean isEmpty() {
    return !isLocked && !hasStaging;
  }

  /**
   * Gives everything back that is still here.
   *
   * @throws IOException if the lock closes badly; all is given back all the same
   */
  void close() throws IOException {
    while (!areas.isEmpty()) {
      areas.getLast().close();
      areas.removeLast();
    }
    if (hasStaging) {
      staging.close();
      hasStaging = false;
    }
    if (isLocked) {
      closeLock();
    }
  }

  private void closeLock() throws IOException {
    try {
      folderLock.close();
      isLocked = false;
    } catch (IOException refused) {
      isLocked = false;
      throw refused;
    }
  }
}
