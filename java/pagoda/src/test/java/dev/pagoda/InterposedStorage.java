package dev.pagoda;

import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;

/** A host storage that a test can come between: everything is passed on, unless overridden. */
class InterposedStorage implements KvStorage {
  private final HostStorage host;

  InterposedStorage(HostStorage host) {
    this.host = host;
  }

  final HostStorage host() {
    return host;
  }

  @Override
  public KvLayout layout() {
    return host.layout();
  }

  @Override
  public int numBlocks() {
    return host.numBlocks();
  }

  @Override
  public void copyBlocks(int[] sources, int[] targets, int count) {
    host.copyBlocks(sources, targets, count);
  }

  @Override
  public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
    host.copyOut(sources, target, targets, count);
  }

  @Override
  public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
    host.copyIn(source, sources, targets, count);
  }

  @Override
  public void poison(int blockId) {
    host.poison(blockId);
  }

  @Override
  public void close() {
    host.close();
  }
}
