package dev.pagoda.testing;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Random numbers that can be had again: one generator per seed and purpose. */
public final class Seeds {
  private Seeds() {}

  /** A generator of its own for a purpose, so that one more draw here moves nothing there. */
  public static RandomGenerator generator(long seed, String purpose) {
    return new SplittableRandom(seed * 0x9e3779b97f4a7c15L + purpose.hashCode());
  }
}
