package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

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

  private final Path folder;
  private final boolean writesEarly;
  private final TierHoldings holdings;
  private final DiskBooks books;
  private final FileRemovals removals;
  private final BlockReader reader;
  private final BlockWriter writer;

  private DiskTier(
      Path folder,
      DiskTierSettings settings,
      TierHoldings holdings,
      List<BlockStaging> areas,
      FileOwner owner,
      FileCalls files)
      throws IOException {
    this.folder = folder;
    this.holdings = holdings;
    writesEarly = settings.writeEarly();
    TierFolder inside = new TierFolder(files, folder);
    long fileBytes = BlockFiles.fileBytes(owner);
    DiskIndex index = new DiskIndex(settings.bytesMax(), fileBytes);
    books = new DiskBooks(inside, settings, index, areas);
    books.found(inside.takeStock(index, fileBytes));
    Durability durability = settings.forced() ? Durability.FORCED : Durability.WRITTEN;
    BlockFiles blockFiles = new BlockFiles(files, owner, durability);
    removals = new FileRemovals(inside, books);
    reader = new BlockReader(inside, blockFiles, books, removals);
    writer = new BlockWriter(inside, blockFiles, books, removals, settings.writer());
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
    FileOwner owner = FileOwner.of(cache.layout(), model);
    FileCalls files = new SystemFiles();
    return open(folder, owner, settings, cache.openHostStorage(staging), files);
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
        TierHoldings holdings = new TierHoldings(staging, areas, folderLock);
        return new DiskTier(folder, settings, holdings, areas, owner, files);
      } catch (Throwable refused) {
        folderLock.close();
        throw refused;
      }
    } catch (IOException refused) {
      closeAll(areas, staging);
      throw new UncheckedIOException("the folder cannot be used: folder=" + folder, refused);
    } catch (Throwable refused) {
      closeAll(areas, staging);
      throw refused;
    }
  }

  private static void closeAll(List<BlockStaging> areas, HostStorage staging) {
    try {
      areas.forEach(BlockStaging::close);
    } finally {
      staging.close();
    }
  }

  @Override
  public boolean contains(PrefixBlock block) {
    return books.contains(block.key());
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int numLoaded = 0;
    while (numLoaded < blocks.size()
        && reader.read(blocks.get(numLoaded), storage, blockIds[numLoaded])) {
      numLoaded++;
    }
    return numLoaded;
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    // Backwards, so that the beginning of a sequence is given up last.
    for (int i = blocks.size() - 1; i >= 0; i--) {
      writer.offer(blocks.get(i), storage, blockIds[i]);
    }
  }

  @Override
  public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    if (writesEarly) {
      evicted(blocks, storage, blockIds);
    }
  }

  /**
   * Removes every block that is not being read or written. A file that the machine does not let go
   * answers nobody from here on and is tried again before the next write; a tier that is opened
   * while it is still there finds it again.
   */
  public void clear() {
    removals.clear();
  }

  /**
   * The tier's numbers now.
   *
   * @return a snapshot
   */
  public DiskTierStatistics statistics() {
    return books.statistics();
  }

  /**
   * Waits for the writes that are under way, lets go of the folder and gives the staging memory
   * back. The files stay.
   *
   * @throws UncheckedIOException if the folder's lock closes badly; the tier is closed all the same
   * @throws IllegalStateException if it was closed before
   */
  @Override
  public synchronized void close() {
    if (holdings.isEmpty()) {
      throw new IllegalStateException("the tier is closed: folder=" + folder);
    }
    removals.removeStranded();
    books.close();
    try {
      holdings.close();
    } catch (IOException refused) {
      throw new UncheckedIOException("the folder's lock closes badly: folder=" + folder, refused);
    }
  }

  @Override
  public String toString() {
    return "DiskTier[folder=" + folder + ", " + statistics() + "]";
  }
}
