package dev.pagoda.prefix;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A lower tier on the heap, whatever the cache's blocks lie in. */
final class HeapTier implements LowerTier {
  private record Payload(int[] tokenIds, byte[] bytes) {}

  private static final int[] ONLY = {0};

  private final Map<BlockKey, Payload> payloads = new ConcurrentHashMap<>();
  volatile boolean forgetful; // says that it has what it has not
  volatile boolean broken; // throws

  int size() {
    return payloads.size();
  }

  @Override
  public boolean contains(PrefixBlock block) {
    requireSound();
    return forgetful || payloads.containsKey(block.key());
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    requireSound();
    try (HostStorage staging = HostStorage.allocate(storage.layout(), 1)) {
      for (int i = 0; i < blockIds.length; i++) {
        Payload payload = payloads.get(blocks.get(i).key());
        if (payload == null || !Arrays.equals(payload.tokenIds, blocks.get(i).tokenIds())) {
          return i;
        }
        staging.segment().copyFrom(MemorySegment.ofArray(payload.bytes));
        storage.copyIn(staging, ONLY, new int[] {blockIds[i]}, 1);
      }
    }
    return blockIds.length;
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    requireSound();
    try (HostStorage staging = HostStorage.allocate(storage.layout(), 1)) {
      for (int i = 0; i < blockIds.length; i++) {
        storage.copyOut(new int[] {blockIds[i]}, staging, ONLY, 1);
        byte[] bytes = staging.segment().toArray(ValueLayout.JAVA_BYTE);
        payloads.put(blocks.get(i).key(), new Payload(blocks.get(i).tokenIds(), bytes));
      }
    }
  }

  private void requireSound() {
    if (broken) {
      throw new UnsupportedOperationException("planted");
    }
  }
}
