package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import java.nio.file.Path;

/**
 * A sequence store and a swap folder over files in memory, for random operations by the million.
 */
public final class MemoryStores implements AutoCloseable {
  public static final Path FILE = Path.of("/memory/saved/group.kv");

  private final MemoryFiles files = new MemoryFiles();
  private final SequenceStore store;
  private final SwapFolder folder;

  public MemoryStores(PagedKvCache cache) {
    ModelFingerprint model = ModelFingerprint.ofDescription("model");
    store = SequenceStore.open(cache, model, Capacity.blocks(2), files);
    folder = SwapFolder.open(Path.of("/memory/swap"), cache, Capacity.blocks(3), files);
  }

  public SequenceStore store() {
    return store;
  }

  public SwapFolder folder() {
    return folder;
  }

  /** One file per group, and perhaps the saved one; none of them open. */
  public void check() {
    long numSwapFiles =
        files.paths().stream().filter(path -> path.toString().endsWith(".swap")).count();
    assertThat(numSwapFiles).isEqualTo(folder.numGroups());
    assertThat(files.numOpen()).as("the folder's lock alone").isEqualTo(1);
  }

  @Override
  public void close() {
    folder.close();
    store.close();
  }
}
