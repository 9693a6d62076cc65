package dev.pagoda.prefix;

import static java.util.stream.Collectors.toMap;

import java.util.EnumMap;
import java.util.Map;
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
  private final Map<MissReason, LongAdder> misses = adders(MissReason.class);
  private final Map<RemovalReason, LongAdder> removals = adders(RemovalReason.class);

  private static <E extends Enum<E>> Map<E, LongAdder> adders(Class<E> type) {
    Map<E, LongAdder> adders = new EnumMap<>(type);
    for (E constant : type.getEnumConstants()) {
      adders.put(constant, new LongAdder());
    }
    return adders;
  }

  void missed(MissReason reason) {
    misses.get(reason).increment();
  }

  void removed(RemovalReason reason, long count) {
    removals.get(reason).add(count);
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
        misses.entrySet().stream().collect(toMap(Map.Entry::getKey, e -> e.getValue().sum())),
        removals.entrySet().stream().collect(toMap(Map.Entry::getKey, e -> e.getValue().sum())));
  }
}
