package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import java.nio.file.Path;

/**
 * Everything that a cache keeps in files, over files in memory that outlive it, for random
 * operations by the million.
 */
public final class StoryFiles {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model");

  private final MemoryFiles files = new MemoryFiles();

  public StoryFiles() {}

  /** A file that sequences are saved to. */
  public static Path saved(int number) {
    return Path.of("/memory/saved/" + number + ".kv");
  }

  public DiskTier openTier(PagedKvCache cache, DiskTierSettings settings) {
    return DiskTier.open(
        Path.of("/memory/tier"),
        FileOwner.of(cache.layout(), MODEL),
        settings,
        cache.openHostStorage(Capacity.blocks(2)),
        files);
  }

  /** Bytes of a block in a file of a tier. */
  public static long fileBytes(PagedKvCache cache) {
    return BlockFiles.fileBytes(FileOwner.of(cache.layout(), MODEL));
  }

  public SequenceStore openStore(PagedKvCache cache) {
    return SequenceStore.open(cache, MODEL, Capacity.blocks(2), files);
  }

  public SwapFolder openFolder(PagedKvCache cache) {
    return SwapFolder.open(Path.of("/memory/swap"), cache, Capacity.blocks(3), files);
  }

  /** Files in which groups wait. */
  public long numSwapFiles() {
    return files.paths().stream().filter(path -> path.toString().endsWith(".swap")).count();
  }

  /** Files and folder locks that are open. */
  public int numOpen() {
    return files.numOpen();
  }

  /** The n-th call from now on fails, before or after it was made. */
  public void failIn(int calls, boolean after) {
    files.failAt(calls, after ? MemoryFiles.Manner.AFTER : MemoryFiles.Manner.BEFORE);
  }

  /** No call fails from now on. */
  public void repair() {
    files.repair();
  }

  /** Whether a call has failed since it was told to; until it is repaired. */
  public boolean hasFailed() {
    return files.hasFailed();
  }
}
