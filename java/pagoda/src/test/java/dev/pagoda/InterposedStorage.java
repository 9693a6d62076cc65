package dev.pagoda;

import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.util.Optional;

/** A storage that a test can come between: everything is passed on, unless overridden. */
class InterposedStorage implements KvStorage {
  private final KvStorage storage;

  InterposedStorage(KvStorage storage) {
    this.storage = storage;
  }

  /** What is behind a storage that may be interposed. */
  static KvStorage behind(KvStorage storage) {
    return storage instanceof InterposedStorage interposed ? interposed.storage : storage;
  }

  final HostStorage host() {
    return (HostStorage) storage;
  }

  @Override
  public KvLayout layout() {
    return storage.layout();
  }

  @Override
  public int numBlocks() {
    return storage.numBlocks();
  }

  @Override
  public void copyBlocks(int[] sources, int[] targets, int count) {
    storage.copyBlocks(sources, targets, count);
  }

  @Override
  public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
    storage.copyOut(sources, target, targets, count);
  }

  @Override
  public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
    storage.copyIn(source, sources, targets, count);
  }

  @Override
  public Fence fence() {
    return storage.fence();
  }

  @Override
  public void poison(int blockId) {
    storage.poison(blockId);
  }

  @Override
  public HostStorage openHostStorage(int numBlocks) {
    return storage.openHostStorage(numBlocks);
  }

  @Override
  public Optional<String> failure() {
    return storage.failure();
  }

  @Override
  public void close() {
    storage.close();
  }
}
