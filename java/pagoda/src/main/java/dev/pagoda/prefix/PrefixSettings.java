package dev.pagoda.prefix;

import java.util.Map;
import java.util.Objects;

/**
 * What a prefix cache is opened with.
 *
 * @param modelFingerprint what the keys and values depend on besides tokens, layout and adapter: a
 *     digest of the weights, the position scheme, an epoch of weights that are updated. Blocks of
 *     another fingerprint are never found, in no tier
 * @param headHits whether a hit may end inside a block, whose head is then copied by the first
 *     write
 * @param quotaBlocks blocks that a tenant, by {@link Namespace#name}, may have cached at most;
 *     tenants that are not named have no limit but the pool
 * @param tier where blocks go that are given up, and come back from
 */
public record PrefixSettings(
    String modelFingerprint, boolean headHits, Map<String, Integer> quotaBlocks, LowerTier tier) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if there is no fingerprint or a quota is negative
   */
  public PrefixSettings {
    Objects.requireNonNull(tier, "tier");
    quotaBlocks = Map.copyOf(quotaBlocks);
    if (modelFingerprint.isEmpty()) {
      throw new IllegalArgumentException("a model needs a fingerprint: modelFingerprint=");
    }
    quotaBlocks.forEach((name, quota) -> {
      if (quota < 0) {
        throw new IllegalArgumentException(
            "a quota is not negative: name=" + name + ", quotaBlocks=" + quota);
      }
    });
  }

  /**
   * Head hits, no quotas, no lower tier.
   *
   * @param modelFingerprint what tells this model from others
   * @return the settings
   */
  public static PrefixSettings of(String modelFingerprint) {
    return new PrefixSettings(modelFingerprint, true, Map.of(), LowerTier.NONE);
  }

  /**
   * The same with hits of whole blocks only.
   *
   * @return the settings
   */
  public PrefixSettings withoutHeadHits() {
    return new PrefixSettings(modelFingerprint, false, quotaBlocks, tier);
  }

  /**
   * The same with other quotas.
   *
   * @param newQuotaBlocks blocks by tenant
   * @return the settings
   */
  public PrefixSettings withQuotas(Map<String, Integer> newQuotaBlocks) {
    return new PrefixSettings(modelFingerprint, headHits, newQuotaBlocks, tier);
  }

  /**
   * The same over a lower tier.
   *
   * @param newTier where blocks go that are given up
   * @return the settings
   */
  public PrefixSettings withTier(LowerTier newTier) {
    return new PrefixSettings(modelFingerprint, headHits, quotaBlocks, newTier);
  }
}
