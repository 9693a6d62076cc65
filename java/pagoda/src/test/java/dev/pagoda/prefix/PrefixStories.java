package dev.pagoda.prefix;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Opens prefix caches for stories: with a clock of theirs, and with faults planted in them. */
public final class PrefixStories {
  /** What is wrong with a prefix cache. */
  public abstract static class Faults {
    /** Nothing. */
    public static final Faults NONE = new Faults() {};

    Faults() {}

    PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
      return right;
    }

    /** A step has begun that appends to a sequence, and nothing is written yet. */
    public void begun(KvSequence sequence, Optional<TokenSequence> tokens) {}

    /** A sequence was opened. */
    public void opened(KvSequence sequence) {}
  }

  /** Blocks that were given up for a step that fails do not come back. */
  public static final Faults VICTIMS_STAY_AWAY =
      new Faults() {
        @Override
        PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
          RetentionOrder order =
              new RetentionOrder(right.order()) {
                @Override
                boolean readmit(int blockId, Tenant tenant) {
                  return false;
                }
              };
          return new PrefixCache.Parts(right.encoding(), right.index(), order);
        }
      };

  /** They come back as if they had just been used. */
  public static final Faults VICTIMS_COME_BACK_YOUNG =
      new Faults() {
        @Override
        PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
          RetentionOrder order =
              new RetentionOrder(right.order()) {
                @Override
                boolean readmit(int blockId, Tenant tenant) {
                  return admit(blockId, tenant, Retention.DEFAULT);
                }
              };
          return new PrefixCache.Parts(right.encoding(), right.index(), order);
        }
      };

  private PrefixStories() {}

  public static PrefixCache open(
      PagedKvCache cache,
      boolean headHits,
      Optional<Integer> quotaOfAnna,
      LowerTier tier,
      LongSupplier nanoTime,
      Faults faults) {
    PrefixSettings settings =
        new PrefixSettings(
            "story",
            headHits,
            quotaOfAnna.map(quota -> Map.of("anna", quota)).orElse(Map.of()),
            tier);
    PrefixCache.Parts right = PrefixCache.Parts.of(cache, settings, nanoTime);
    return new PrefixCache(cache, settings, faults.parts(cache, right));
  }
}
