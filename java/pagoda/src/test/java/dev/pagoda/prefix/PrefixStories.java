package dev.pagoda.prefix;

import dev.pagoda.PagedKvCache;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Opens prefix caches for stories: with a clock of theirs, and with faults planted in them. */
public final class PrefixStories {
  /** What is wrong with a prefix cache. */
  public interface Faults {
    Faults NONE = new Faults() {};

    /** The encoding to use instead. */
    default KeyEncoding encoding(PagedKvCache cache) {
      return new KeyEncoding("story", cache.layout());
    }
  }

  private PrefixStories() {}

  public static PrefixCache open(
      PagedKvCache cache,
      boolean headHits,
      Optional<Integer> quotaOfAnna,
      LongSupplier nanoTime,
      Faults faults) {
    PrefixSettings settings =
        new PrefixSettings(
            "story",
            headHits,
            quotaOfAnna.map(quota -> Map.of("anna", quota)).orElse(Map.of()),
            LowerTier.NONE);
    return new PrefixCache(cache, settings, faults.encoding(cache), nanoTime);
  }
}
