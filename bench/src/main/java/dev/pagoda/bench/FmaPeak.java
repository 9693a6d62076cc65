package dev.pagoda.bench;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** How many multiply-adds one thread does if it does nothing else: twelve chains in registers. */
final class FmaPeak {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int CHAINS = 12;
  private static final int STEPS = 100_000;
  private static final int ROUNDS = 60;

  /** Keeps the sums, so that no compiler finds them useless. */
  static volatile float sink;

  private FmaPeak() {}

  /** The best of a few rounds, in 10^9 operations per second, a multiply-add counting as two. */
  static double gigaflopsPerSecond() {
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      sink = chains();
      double operations = 2.0 * CHAINS * STEPS * SPECIES.length();
      best = Math.max(best, operations / (System.nanoTime() - start));
    }
    return best;
  }

  private static float chains() {
    FloatVector b = FloatVector.broadcast(SPECIES, 0.5f);
    FloatVector c = FloatVector.broadcast(SPECIES, 0.25f);
    FloatVector s0 = b;
    FloatVector s1 = b;
    FloatVector s2 = b;
    FloatVector s3 = b;
    FloatVector s4 = b;
    FloatVector s5 = b;
    FloatVector s6 = c;
    FloatVector s7 = c;
    FloatVector s8 = c;
    FloatVector s9 = c;
    FloatVector s10 = c;
    FloatVector s11 = c;
    for (int i = 0; i < STEPS; i++) {
      s0 = b.fma(s0, c);
      s1 = b.fma(s1, c);
      s2 = b.fma(s2, c);
      s3 = b.fma(s3, c);
      s4 = b.fma(s4, c);
      s5 = b.fma(s5, c);
      s6 = b.fma(s6, c);
      s7 = b.fma(s7, c);
      s8 = b.fma(s8, c);
      s9 = b.fma(s9, c);
      s10 = b.fma(s10, c);
      s11 = b.fma(s11, c);
    }
    FloatVector low = s0.add(s1).add(s2).add(s3).add(s4).add(s5);
    FloatVector high = s6.add(s7).add(s8).add(s9).add(s10).add(s11);
    return low.add(high).reduceLanes(VectorOperators.ADD);
  }
}
