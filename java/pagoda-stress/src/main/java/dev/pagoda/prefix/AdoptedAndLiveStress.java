package dev.pagoda.prefix;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.pagoda.PlantedBug;
import dev.pagoda.block.BlockPool;
import java.util.Optional;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Readers of the index take no lock: what is adopted and still live is what its entry says.
 *
 * <p>A block that one thread takes out of the index, writes in place and caches again under another
 * key, while another one looks the first key up: the life of a cached block as {@link PrefixCache}
 * leads it, with all that is not this protocol left out. Planted: who has adopted a block does not
 * look again whether its entry is live.
 */
@JCStressTest
@Outcome(id = "0", expect = ACCEPTABLE, desc = "a miss")
@Outcome(id = "1", expect = ACCEPTABLE, desc = "a hit, and the content that was looked for")
@Outcome(id = "2", expect = FORBIDDEN, desc = "a hit, and another key's content")
@State
public class AdoptedAndLiveStress {
  private static final int MISS = 0;
  private static final int FIRST_CONTENT = 1;
  private static final int OTHER_CONTENT = 2;

  private static final BlockKey FIRST = key(1);
  private static final BlockKey OTHER = key(2);

  private final BlockPool pool = new BlockPool(2);
  private final PrefixIndex index = new PrefixIndex();
  private final long handle;
  private final CachedEntry first;
  private int content = FIRST_CONTENT; // the block's bytes: plain, as they are

  /** One block, cached under the first key; it always has its owner. */
  public AdoptedAndLiveStress() {
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

  /** Looks the key up as {@link PrefixLookup} and {@link Admission} do: look, adopt, look again. */
  @Actor
  public void reader(I_Result result) {
    Optional<CachedEntry> found = index.find(FIRST);
    if (found.isEmpty() || !found.get().isLive()) {
      result.r1 = MISS;
      return;
    }
    PlantedBug.widenTheGap(); // as a lookup does, which looks for the blocks behind this one
    long[] handles = {found.get().handle};
    if (pool.caching().adopt(handles, 0, 1, 0) == 0) {
      result.r1 = MISS;
      return;
    }
    try {
      result.r1 = PlantedBug.IS_IN || found.get().isLive() ? content : MISS;
    } finally {
      var _ = pool.release(handles, 0, 1);
    }
  }

  /**
   * Gives the block another content. First dead, then uncached; its owner writes it only while
   * nobody else has it.
   */
  @Actor
  public void writer() {
    first.die();
    index.remove(first);
    var _ = pool.caching().uncache(handle);
    if (pool.referenceCount(handle) == 1) {
      content = OTHER_CONTENT;
      var _ = pool.caching().cache(handle);
      index.add(entry(OTHER));
    }
  }
}
