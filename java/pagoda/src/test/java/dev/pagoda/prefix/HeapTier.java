package dev.pagoda.prefix;

import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A lower tier on the heap, over a memory that tests can read. */
final class HeapTier implements LowerTier {
  private record Payload(int[] tokenIds, byte[] bytes) {}

  private final MemorySegment memory;
  private final Map<BlockKey, Payload> payloads = new ConcurrentHashMap<>();
  volatile boolean forgetful; // says that it has what it has not
  volatile boolean broken; // throws

  HeapTier(MemorySegment memory) {
    this.memory = memory;
  }

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
    for (int i = 0; i < blockIds.length; i++) {
      Payload payload = payloads.get(blocks.get(i).key());
      if (payload == null || !Arrays.equals(payload.tokenIds, blocks.get(i).tokenIds())) {
        return i;
      }
      MemorySegment.copy(
          payload.bytes,
          0,
          memory,
          ValueLayout.JAVA_BYTE,
          storage.layout().blockOffset(blockIds[i]),
          payload.bytes.length);
    }
    return blockIds.length;
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    requireSound();
    KvLayout layout = storage.layout();
    for (int i = 0; i < blockIds.length; i++) {
      byte[] bytes =
          memory
              .asSlice(layout.blockOffset(blockIds[i]), layout.blockBytes())
              .toArray(ValueLayout.JAVA_BYTE);
      payloads.put(blocks.get(i).key(), new Payload(blocks.get(i).tokenIds(), bytes));
    }
  }

  private void requireSound() {
    if (broken) {
      throw new UnsupportedOperationException("planted");
    }
  }
}
