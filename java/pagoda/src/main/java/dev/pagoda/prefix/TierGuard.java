package dev.pagoda.prefix;

import dev.pagoda.memory.KvStorage;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;

/**
 * A lower tier whose mistakes are misses: what it throws goes no further.
 *
 * <p>It is logged when the number of failures is a power of two: a tier that fails for good would
 * fill a server's log otherwise.
 */
final class TierGuard {
  private static final System.Logger LOGGER = System.getLogger("dev.pagoda");

  private final LowerTier tier;
  private final boolean present;
  private final AtomicLong numFailures = new AtomicLong();

  TierGuard(LowerTier tier) {
    this.tier = tier;
    present = !tier.equals(LowerTier.NONE);
  }

  boolean isPresent() {
    return present;
  }

  boolean contains(PrefixBlock block) {
    return isPresent() && guarded(() -> tier.contains(block) ? 1 : 0) == 1;
  }

  /** How many of the first blocks are filled. */
  int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    return Math.clamp(guarded(() -> tier.load(blocks, storage, blockIds)), 0, blocks.size());
  }

  void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    if (isPresent() && !blocks.isEmpty()) {
      var _ =
          guarded(() -> {
            tier.evicted(blocks, storage, blockIds);
            return 0;
          });
    }
  }

  void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    if (isPresent() && !blocks.isEmpty()) {
      var _ =
          guarded(() -> {
            tier.stored(blocks, storage, blockIds);
            return 0;
          });
    }
  }

  private int guarded(IntSupplier call) {
    try {
      return call.getAsInt();
    } catch (RuntimeException failed) {
      long number = numFailures.incrementAndGet();
      if (Long.bitCount(number) == 1) {
        String what = "a lower tier failed; it counts as a miss: numFailures=" + number;
        LOGGER.log(System.Logger.Level.WARNING, what, failed);
      }
      return 0;
    }
  }
}
