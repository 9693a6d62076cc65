package dev.pagoda.story;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** All that is left to chance. Each operation of a script begins with a seed of its own. */
final class Choices {
  private static final int PROMPTS_MAX = 12;

  private final int blockSize;
  private SplittableRandom random = new SplittableRandom(0);

  /** Prompts that were used, to begin others with. */
  private final List<int[]> prompts = new ArrayList<>();

  Choices(int blockSize) {
    this.blockSize = blockSize;
  }

  void from(long seed) {
    random = new SplittableRandom(seed);
  }

  int nextInt(int bound) {
    return random.nextInt(bound);
  }

  int nextInt(int from, int bound) {
    return random.nextInt(from, bound);
  }

  boolean nextBoolean() {
    return random.nextBoolean();
  }

  <T> Optional<T> pick(List<T> from) {
    return from.isEmpty() ? Optional.empty() : Optional.of(from.get(nextInt(from.size())));
  }

  String tenant() {
    return nextBoolean()
        ? Tenants.NAMES.getFirst()
        : Tenants.NAMES.get(nextInt(Tenants.NAMES.size()));
  }

  int token() {
    return nextInt(3);
  }

  /** A prompt that often goes on from an earlier one, cut anywhere or next to a boundary. */
  int[] prompt() {
    int[] start = {};
    if (!prompts.isEmpty() && nextInt(4) > 0) {
      int[] earlier = prompts.get(nextInt(prompts.size()));
      start = Arrays.copyOf(earlier, position(earlier.length));
    }
    int extra = nextInt(3) == 0 ? 0 : nextInt(2 * blockSize + 1);
    int[] prompt = Arrays.copyOf(start, Math.min(start.length + extra, 8 * blockSize));
    for (int i = start.length; i < prompt.length; i++) {
      prompt[i] = token();
    }
    if (prompts.size() < PROMPTS_MAX) {
      prompts.add(prompt);
    } else {
      prompts.set(nextInt(PROMPTS_MAX), prompt);
    }
    return prompt;
  }

  /** A position in {@code [0, length]}, often at or next to a block boundary. */
  int position(int length) {
    int any = nextInt(length + 1);
    int boundary = any / blockSize * blockSize + nextInt(-1, 2);
    return nextBoolean() ? any : Math.clamp(boundary, 0, length);
  }
}
