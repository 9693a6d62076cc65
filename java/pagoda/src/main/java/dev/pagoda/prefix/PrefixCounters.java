package dev.pagoda.prefix;

import static java.util.stream.Collectors.toMap;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/** What a prefix cache counts since it was opened. Threads: any number. */
final class PrefixCounters {
  final LongAdder numRequests = new LongAdder();
  final LongAdder promptTokens = new LongAdder();
  final LongAdder cachedTokens = new LongAdder();
  final LongAdder returnedTokens = new LongAdder();
  final LongAdder loadedTokens = new LongAdder();
  final LongAdder headTokens = new LongAdder();
  final LongAdder computedTokens = new LongAdder();
  final LongAdder publishedTokens = new LongAdder();
  final LongAdder numDuplicates = new LongAdder();
  final LongAdder numCollisions = new LongAdder();
  final LongAdder numQuotaRefusals = new LongAdder();
  private final Map<MissReason, LongAdder> misses = adders(MissReason.values());
  private final Map<RemovalReason, LongAdder> removals = adders(RemovalReason.values());

  private static <E extends Enum<E>> Map<E, LongAdder> adders(E[] reasons) {
    return Arrays.stream(reasons).collect(toMap(r -> r, _ -> new LongAdder()));
  }

  void missed(MissReason reason) {
    Objects.requireNonNull(misses.get(reason)).increment();
  }

  void removed(RemovalReason reason, long count) {
    Objects.requireNonNull(removals.get(reason)).add(count);
  }

  PrefixStatistics snapshot(int numBlocks) {
    return new PrefixStatistics(
        numBlocks,
        numRequests.sum(),
        promptTokens.sum(),
        cachedTokens.sum(),
        returnedTokens.sum(),
        loadedTokens.sum(),
        headTokens.sum(),
        computedTokens.sum(),
        publishedTokens.sum(),
        numDuplicates.sum(),
        numCollisions.sum(),
        numQuotaRefusals.sum(),
        sums(misses),
        sums(removals));
  }

  private static <E extends Enum<E>> Map<E, Long> sums(Map<E, LongAdder> adders) {
    return adders.entrySet().stream()
        .collect(toMap(Map.Entry::getKey, entry -> entry.getValue().sum()));
  }
}
