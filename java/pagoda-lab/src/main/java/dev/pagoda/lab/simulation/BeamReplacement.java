package dev.pagoda.lab.simulation;

import java.util.Random;

/**
 * How the beams of one request replace each other, without a model: in each step each beam is, with
 * some probability, replaced by a fork of one that is chosen at random.
 */
final class BeamReplacement {
  private static final int[] NO_CHANGE = {};

  private final double probability;
  private final Random random;

  /** Each request has random numbers of its own, so that the order of requests changes nothing. */
  BeamReplacement(double probability, long seed, int requestIndex) {
    this.probability = probability;
    random = new Random(seed * 0x9e3779b97f4a7c15L + requestIndex);
  }

  /** Returns whom each beam continues; empty if each continues itself. */
  int[] parents(int width) {
    int[] parents = new int[width];
    boolean replaced = false;
    for (int i = 0; i < width; i++) {
      boolean loses = random.nextDouble() < probability;
      parents[i] = loses ? random.nextInt(width) : i;
      replaced |= parents[i] != i;
    }
    return replaced ? parents : NO_CHANGE;
  }
}
