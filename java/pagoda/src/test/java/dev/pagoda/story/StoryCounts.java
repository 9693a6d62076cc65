package dev.pagoda.story;

import dev.pagoda.prefix.MissReason;
import java.util.EnumMap;
import java.util.Map;

/** What a cache and its prefix cache should have counted. */
final class StoryCounts {
  long forks;
  long copies;
  long commits;
  long rollbacks;
  long requests;
  long promptTokens;
  long cachedTokens;
  long returnedTokens;
  long loadedTokens;
  long headTokens;
  long computedTokens;
  long evicted;
  long removed;
  long cleared;
  final Map<MissReason, Long> misses = new EnumMap<>(MissReason.class);

  /** Another cache counts from now on. */
  void clear() {
    forks = 0;
    copies = 0;
    commits = 0;
    rollbacks = 0;
    clearPrefixes();
  }

  /** Another prefix cache counts from now on. */
  void clearPrefixes() {
    requests = 0;
    promptTokens = 0;
    cachedTokens = 0;
    returnedTokens = 0;
    loadedTokens = 0;
    headTokens = 0;
    computedTokens = 0;
    evicted = 0;
    removed = 0;
    cleared = 0;
    misses.clear();
  }

  @Override
  public String toString() {
    return "forks "
        + forks
        + ", copies "
        + copies
        + ", commits "
        + commits
        + ", rollbacks "
        + rollbacks
        + ", requests "
        + requests
        + ", cached "
        + cachedTokens
        + ", returned "
        + returnedTokens
        + ", loaded "
        + loadedTokens
        + ", heads "
        + headTokens
        + ", computed "
        + computedTokens
        + ", evicted "
        + evicted
        + ", misses "
        + misses;
  }
}
