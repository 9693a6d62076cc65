package dev.pagoda;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One operation of a {@link CacheStory}. All choices follow from its own seed and from what there
 * is when its turn comes, so that a story still makes sense when others are left out.
 */
record CacheOperation(Kind kind, long seed) {
  /** What is done, and how often. */
  enum Kind {
    NEW(8),
    STEP(28),
    OPEN_STEP(8),
    FINISH_STEP(10),
    FORK(10),
    FORK_EARLIER(6),
    TRUNCATE(8),
    CLOSE(9),
    PARK(4),
    UNPARK(4),
    UNPARK_EMPTY(1),
    MISUSE(8);

    final int weight;

    Kind(int weight) {
      this.weight = weight;
    }
  }

  private static final int TOTAL_WEIGHT = totalWeight();

  private static int totalWeight() {
    int total = 0;
    for (Kind kind : Kind.values()) {
      total += kind.weight;
    }
    return total;
  }

  static List<CacheOperation> script(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    List<CacheOperation> script = new ArrayList<>(length);
    for (int i = 0; i < length; i++) {
      script.add(new CacheOperation(kind(random.nextInt(TOTAL_WEIGHT)), random.nextLong()));
    }
    return script;
  }

  private static Kind kind(int ticket) {
    int rest = ticket;
    for (Kind kind : Kind.values()) {
      rest -= kind.weight;
      if (rest < 0) {
        return kind;
      }
    }
    throw new AssertionError("ticket=" + ticket);
  }
}
