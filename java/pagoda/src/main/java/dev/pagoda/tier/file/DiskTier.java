package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Blocks of a prefix cache in files of a private folder, that are still there after a restart.
 *
 * <p>One file per block, named by its key, in the format that the package describes. What is read
 * is compared, key, token ids, layout, model and checksums, before the cache sees it; a file that
 * is damaged, truncated, foreign or newer counts as a miss and is removed. What the machine refuses
 * counts as a miss too, or as a block that was not kept: no failure of the disk reaches a request.
 * After writes that failed some offers are passed over, the more the longer it goes on.
 *
 * <p>The folder is this tier's alone: it is created for its owner only, or must be so, and is
 * locked, so that a second process is refused. Files whose names are not a tier's are left alone.
 * Who can write there can put blocks there: checksums find accidents, not forgers.
 *
 * <p>When a tier is opened, files last written are taken for those last used. A block that is
 * written is not yet on the device unless {@link DiskTierSettings#forced} says so; one that a loss
 * of power tears is found out when it is read.
 *
 * <p>Memory: staging blocks ({@link #STAGING_BLOCKS} unless given), about 200 bytes on the heap per
 * block on disk, and 512 KiB where blocks are written only when seen twice. Whoever opens a tier
 * closes it, after the prefix cache. Threads: any number; as many read and write at once as there
 * are staging blocks.
 */
public final class DiskTier implements LowerTier, AutoCloseable {
  /** Staging blocks, unless they are given. */
  public static final int STAGING_BLOCKS = 4;

  private static final System.Logger LOGGER = System.getLogger(DiskTier.class.getName());
  private static final int SEEN_KEYS = 1 << 16;

  private final TierFolder folder;
  private final BlockFiles files;
  private final DiskTierSettings settings;
  private final FileCalls.FolderLock folderLock;
  private final HostStorage staging;
  private final List<BlockStaging> stagings; // each of them a block of it
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final DiskIndex index;
  private final SeenFilter seen;
  private final Deque<BlockStaging> idle = new ArrayDeque<>();
  private final List<BlockKey> stranded = new ArrayList<>(); // removals that failed
  private final List<Path> strandedParts = new ArrayList<>();
  private long nextPart;
  private final WriteBackoff backoff = new WriteBackoff();
  private int numFound;
  private long numHits;
  private long numWritten;
  private long numEvicted;
  private long numNotSeenTwice;
  private long numSkipped;
  private long numRefused;
  private long numReadFailures;
  private long numWriteFailures;
  private boolean closed;

  private DiskTier(
      TierFolder folder,
      BlockFiles files,
      DiskTierSettings settings,
      FileCalls.FolderLock folderLock,
      HostStorage staging,
      List<BlockStaging> stagings,
      DiskIndex index) {
    this.folder = folder;
    this.files = files;
    this.settings = settings;
    this.folderLock = folderLock;
    this.staging = staging;
    this.stagings = stagings;
    this.index = index;
    seen = new SeenFilter(settings.onlySeenTwice() ? SEEN_KEYS : 1);
    idle.addAll(stagings);
  }

  /**
   * Opens a tier over the blocks that its folder holds.
   *
   * @param folder where its files are; created if it is missing, with a parent that is there
   * @param cache whose blocks it holds
   * @param model what their keys and values depend on
   * @param settings how it behaves
   * @return the tier, the caller's to close
   * @throws UncheckedIOException if the folder cannot be had: it is another user's, open to others,
   *     in use, or holds other files
   * @throws IllegalArgumentException if there is not even room for one block
   */
  public static DiskTier open(
      Path folder, PagedKvCache cache, ModelFingerprint model, DiskTierSettings settings) {
    return open(folder, cache, model, settings, Capacity.blocks(STAGING_BLOCKS));
  }

  /**
   * Opens a tier with a staging area of the caller's choice.
   *
   * @param folder where its files are; created if it is missing, with a parent that is there
   * @param cache whose blocks it holds
   * @param model what their keys and values depend on
   * @param settings how it behaves
   * @param staging memory through which blocks pass, at least two of them
   * @return the tier, the caller's to close
   * @throws UncheckedIOException if the folder cannot be had: it is another user's, open to others,
   *     in use, or holds other files
   * @throws IllegalArgumentException if there is not even room for one block
   */
  public static DiskTier open(
      Path folder,
      PagedKvCache cache,
      ModelFingerprint model,
      DiskTierSettings settings,
      Capacity staging) {
    Objects.requireNonNull(settings, "settings");
    return open(
        folder,
        FileOwner.of(cache.layout(), model),
        settings,
        cache.openHostStorage(staging),
        new SystemFiles());
  }

  /** Takes the staging memory over, to close it. */
  @SuppressWarnings("MustBeClosedChecker") // the tier closes the lock
  static DiskTier open(
      Path folder,
      FileOwner owner,
      DiskTierSettings settings,
      HostStorage staging,
      FileCalls files) {
    List<BlockStaging> areas = List.of();
    try {
      areas = BlockStaging.single(staging);
      long fileBytes = BlockFiles.fileBytes(owner);
      if (settings.bytesMax() < fileBytes) {
        throw new IllegalArgumentException(
            "the tier has no room for one block: fileBytes="
                + fileBytes
                + ", bytesMax="
                + settings.bytesMax());
      }
      FileCalls.FolderLock folderLock = files.lockFolder(folder);
      try {
        TierFolder inside = new TierFolder(files, folder);
        DiskIndex index = new DiskIndex(settings.bytesMax(), fileBytes);
        TierFolder.Stock stock = inside.takeStock(index, fileBytes);
        Durability durability = settings.forced() ? Durability.FORCED : Durability.WRITTEN;
        BlockFiles blockFiles = new BlockFiles(files, owner, durability);
        DiskTier tier =
            new DiskTier(inside, blockFiles, settings, folderLock, staging, areas, index);
        tier.count(stock);
        return tier;
      } catch (Throwable refused) {
        folderLock.close();
        throw refused;
      }
    } catch (IOException refused) {
      areas.forEach(BlockStaging::close);
      staging.close();
      throw new UncheckedIOException("the folder cannot be used: folder=" + folder, refused);
    } catch (Throwable refused) {
      areas.forEach(BlockStaging::close);
      staging.close();
      throw refused;
    }
  }

  private void count(TierFolder.Stock stock) {
    numFound = stock.numFound();
    numRefused = stock.numRefused();
    numEvicted = stock.numEvicted();
  }

  @Override
  public boolean contains(PrefixBlock block) {
    lock.lock();
    try {
      return index.contains(block.key());
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int numLoaded = 0;
    while (numLoaded < blocks.size() && load(blocks.get(numLoaded), storage, blockIds[numLoaded])) {
      numLoaded++;
    }
    return numLoaded;
  }

  private boolean load(PrefixBlock block, KvStorage storage, int blockId) {
    BlockStaging staging = takeForRead(block.key());
    if (staging == null) {
      return false;
    }
    boolean isHit = false;
    try {
      files.read(folder.pathOf(block.key()), block, staging, storage, blockId);
      isHit = true;
    } catch (RefusedFileException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a block on disk is not used", refused);
      remove(block.key(), true);
    } catch (IOException refused) {
      readFailed(block.key(), refused);
    } finally {
      giveBack(staging, isHit);
    }
    return isHit;
  }

  private @Nullable BlockStaging takeForRead(BlockKey key) {
    lock.lock();
    try {
      requireOpen();
      while (idle.isEmpty() && index.contains(key)) {
        changed.awaitUninterruptibly();
      }
      return index.touch(key) ? idle.pop() : null;
    } finally {
      lock.unlock();
    }
  }

  private void giveBack(BlockStaging staging, boolean isHit) {
    lock.lock();
    try {
      idle.push(staging);
      numHits += isHit ? 1 : 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void readFailed(BlockKey key, IOException refused) {
    LOGGER.log(System.Logger.Level.DEBUG, "a block on disk cannot be read", refused);
    if (refused instanceof NoSuchFileException) {
      remove(key, false); // somebody else removed it
    }
    lock.lock();
    try {
      numReadFailures++;
    } finally {
      lock.unlock();
    }
  }

  /** Removes a file that was refused, so that it is refused once. */
  private void remove(BlockKey key, boolean isRefused) {
    lock.lock();
    try {
      if (!index.contains(key)) {
        return; // somebody else does
      }
      index.startRemoval(key);
      numRefused += isRefused ? 1 : 0;
    } finally {
      lock.unlock();
    }
    delete(key);
  }

  /** Deletes the file of a busy key; one that stays keeps its room, and is tried again. */
  private void delete(BlockKey key) {
    boolean isGone = tryDelete(folder.pathOf(key));
    lock.lock();
    try {
      if (isGone) {
        index.endRemoval(key);
      } else {
        stranded.add(key);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
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

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    offer(blocks, storage, blockIds);
  }

  @Override
  public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    if (settings.writeEarly()) {
      offer(blocks, storage, blockIds);
    }
  }

  private void offer(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    // Backwards, so that the beginning of a sequence is given up last.
    for (int i = blocks.size() - 1; i >= 0; i--) {
      offer(blocks.get(i), storage, blockIds[i]);
    }
  }

  private void offer(PrefixBlock block, KvStorage storage, int blockId) {
    if (!isWanted(block.key()) || !makeRoom(block.key())) {
      return;
    }
    BlockStaging staging = takeForWrite(block.key());
    if (staging == null) {
      return;
    }
    WriteTask task = new WriteTask(block, staging);
    try {
      StagedBlocks.out(storage, new int[] {blockId}, 0, staging, 1);
      settings.writer().execute(task);
    } catch (RejectedExecutionException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a block is not written", refused);
      task.end(Outcome.SKIPPED);
    } catch (Throwable refused) {
      task.end(Outcome.SKIPPED);
      throw refused;
    }
  }

  private boolean isWanted(BlockKey key) {
    lock.lock();
    try {
      requireOpen();
      if (index.touch(key) || index.isBusy(key)) {
        return false;
      }
      if (backoff.skips()) {
        numSkipped++;
        return false;
      }
      if (settings.onlySeenTwice() && !seen.offer(key)) {
        numNotSeenTwice++;
        return false;
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Removes files until one more fits, those first that could not be removed before. */
  private boolean makeRoom(BlockKey key) {
    List<BlockKey> victims;
    List<Path> parts;
    lock.lock();
    try {
      victims = new ArrayList<>(stranded);
      stranded.clear();
      parts = new ArrayList<>(strandedParts);
      strandedParts.clear();
      List<BlockKey> evicted = index.makeRoom(1);
      victims.addAll(evicted);
      numEvicted += evicted.size();
    } finally {
      lock.unlock();
    }
    victims.forEach(this::delete);
    parts.removeIf(this::tryDelete);
    lock.lock();
    try {
      strandedParts.addAll(parts);
      if (index.isBusy(key) || index.contains(key)) {
        return false;
      }
      if (!index.hasRoom()) {
        numSkipped++;
        return false;
      }
      index.startWrite(key);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Leaves one for those who read, since a write may wait for the thread that reads. */
  private @Nullable BlockStaging takeForWrite(BlockKey key) {
    lock.lock();
    try {
      if (idle.size() > 1) {
        return idle.pop();
      }
      index.endWrite(key, false);
      numSkipped++;
      return null;
    } finally {
      lock.unlock();
    }
  }

  private enum Outcome {
    WRITTEN,
    FAILED,
    SKIPPED
  }

  /** One block on its way to a file, with a staging block and room of its own until it ends. */
  private final class WriteTask implements Runnable {
    private final PrefixBlock block;
    private final BlockStaging staging;
    private boolean ended; // guarded by the lock

    WriteTask(PrefixBlock block, BlockStaging staging) {
      this.block = block;
      this.staging = staging;
    }

    @Override
    public void run() {
      Outcome outcome = Outcome.FAILED;
      Path part = nextPart(block.key());
      try {
        files.write(part, folder.pathOf(block.key()), block, staging);
        outcome = Outcome.WRITTEN;
      } catch (IOException refused) {
        LOGGER.log(System.Logger.Level.DEBUG, "a block cannot be written", refused);
        clean(block.key(), part);
      } finally {
        end(outcome);
      }
    }

    void end(Outcome outcome) {
      lock.lock();
      try {
        if (ended) {
          return;
        }
        ended = true;
        index.endWrite(block.key(), outcome == Outcome.WRITTEN);
        idle.push(staging);
        switch (outcome) {
          case WRITTEN -> {
            numWritten++;
            backoff.succeeded();
          }
          case FAILED -> {
            numWriteFailures++;
            backoff.failed();
          }
          case SKIPPED -> numSkipped++;
        }
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private Path nextPart(BlockKey key) {
    lock.lock();
    try {
      return folder.partOf(key, nextPart++);
    } finally {
      lock.unlock();
    }
  }

  /** What a write that failed may have left: its part, or the whole file after all. */
  private void clean(BlockKey key, Path part) {
    for (Path path : List.of(part, folder.pathOf(key))) {
      if (!tryDelete(path)) {
        lock.lock();
        try {
          strandedParts.add(path);
        } finally {
          lock.unlock();
        }
      }
    }
  }

  /** Removes every block that is not being read or written. */
  public void clear() {
    List<BlockKey> all;
    lock.lock();
    try {
      requireOpen();
      all = index.keys();
      all.forEach(index::startRemoval);
    } finally {
      lock.unlock();
    }
    all.forEach(this::delete);
  }

  /**
   * The tier's numbers now.
   *
   * @return a snapshot
   */
  public DiskTierStatistics statistics() {
    lock.lock();
    try {
      return new DiskTierStatistics(
          index.numBlocks(),
          index.bytes(),
          settings.bytesMax(),
          numFound,
          numHits,
          numWritten,
          numEvicted,
          numNotSeenTwice,
          numSkipped,
          numRefused,
          numReadFailures,
          numWriteFailures);
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the tier is closed: folder=" + folder);
    }
  }

  /**
   * Waits for the writes that are under way, lets go of the folder and gives the staging memory
   * back. The files stay.
   *
   * @throws UncheckedIOException if the folder's lock closes badly; the tier is closed all the same
   * @throws IllegalStateException if it was closed before
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      closed = true;
      while (idle.size() < stagings.size() || index.numBusy() > stranded.size()) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    stagings.forEach(BlockStaging::close);
    staging.close();
    try {
      folderLock.close();
    } catch (IOException refused) {
      throw new UncheckedIOException("the folder's lock closes badly: folder=" + folder, refused);
    }
  }

  @Override
  public String toString() {
    return "DiskTier[folder=" + folder + ", " + statistics() + "]";
  }
}
