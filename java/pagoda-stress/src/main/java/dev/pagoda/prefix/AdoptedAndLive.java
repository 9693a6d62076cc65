package dev.pagoda.prefix;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockPool;
import dev.pagoda.block.IdleOrder;
import java.util.Optional;

/**
 * A block that one thread takes out of the index, writes in place and caches again under another
 * key, while another one looks the first key up: the life of a cached block as {@link PrefixCache}
 * leads it, with all that is not this protocol left out.
 */
class AdoptedAndLive {
  static final int MISS = 0;
  static final int FIRST_CONTENT = 1;
  static final int OTHER_CONTENT = 2;

  private static final int SPINS = 50;
  private static final BlockKey FIRST = key(1);
  private static final BlockKey OTHER = key(2);

  private final BlockPool pool = new BlockPool(2);
  private final PrefixIndex index = new PrefixIndex();
  private final long handle;
  private final CachedEntry first;
  private int content = FIRST_CONTENT; // the block's bytes: plain, as they are

  AdoptedAndLive() {
    pool.caching().setIdleOrder(new NeverIdle());
    handle = pool.allocate();
    var _ = pool.caching().cache(handle);
    first = entry(FIRST);
    index.add(first);
  }

  private static BlockKey key(int number) {
    byte[] bytes = new byte[BlockKey.BYTES];
    bytes[0] = (byte) number;
    return BlockKey.of(bytes, 0);
  }

  private CachedEntry entry(BlockKey key) {
    int[] tokenIds = {key.hashCode()};
    PrefixBlock block = new PrefixBlock(key, key, Namespace.COMMON, 0, tokenIds);
    return new CachedEntry(block, handle, CachedEntry.NONE);
  }

  /** As {@link PrefixLookup} and {@link Admission} do it: look, adopt, look again. */
  int read() {
    Optional<CachedEntry> found = index.find(FIRST);
    if (found.isEmpty() || !found.get().isLive()) {
      return MISS;
    }
    // What a lookup does before it adopts: it looks for the blocks behind this one.
    for (int i = 0; i < SPINS; i++) {
      Thread.onSpinWait();
    }
    long[] handles = {found.get().handle};
    if (pool.caching().adopt(handles, 0, 1, 0) == 0) {
      return MISS;
    }
    try {
      return isStillLive(found.get()) ? content : MISS;
    } finally {
      var _ = pool.release(handles, 0, 1);
    }
  }

  boolean isStillLive(CachedEntry adopted) {
    return adopted.isLive();
  }

  /** First dead, then uncached; its owner writes it only while nobody else has it. */
  void write() {
    first.die();
    index.remove(first);
    var _ = pool.caching().uncache(handle);
    if (pool.referenceCount(handle) == 1) {
      content = OTHER_CONTENT;
      var _ = pool.caching().cache(handle);
      index.add(entry(OTHER));
    }
  }

  /** The block always has its owner. */
  private static final class NeverIdle implements IdleOrder {
    @Override
    public void idle(int blockId) {
      throw new IllegalStateException("the block has an owner: blockId=" + blockId);
    }

    @Override
    public void notIdle(int blockId) {
      throw new IllegalStateException("the block has an owner: blockId=" + blockId);
    }

    @Override
    public boolean isReclaimable(int blockId) {
      return false;
    }

    @Override
    public int numReclaimable() {
      return 0;
    }

    @Override
    public int takeVictim() {
      return BlockHandle.blockId(BlockHandle.NONE);
    }
  }
}
