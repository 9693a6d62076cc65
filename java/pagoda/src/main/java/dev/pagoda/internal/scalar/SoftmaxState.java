package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.CanonicalMath;
import java.util.Arrays;

/**
 * What is known of a row after some of its positions: the largest score, the sum of the weights
 * relative to it, and the values so weighted. Nothing seen yet: minus infinity, 0 and zeros.
 */
final class SoftmaxState {
  final float[] accumulators;
  float max;
  float sum;

  /** Holds up to a number of value elements. */
  SoftmaxState(int valueDimMax) {
    accumulators = new float[valueDimMax];
  }

  void clear() {
    max = Float.NEGATIVE_INFINITY;
    sum = 0f;
    Arrays.fill(accumulators, 0f);
  }

  void copyFrom(SoftmaxState other) {
    max = other.max;
    sum = other.sum;
    System.arraycopy(other.accumulators, 0, accumulators, 0, accumulators.length);
  }

  /** Multiplies sum and accumulators: they become relative to another maximum. */
  void rescale(float factor) {
    sum *= factor;
    for (int e = 0; e < accumulators.length; e++) {
      accumulators[e] *= factor;
    }
  }

  /** Takes the state of later positions into this one. */
  void merge(SoftmaxState later) {
    float newMax = later.max > max ? later.max : max;
    float factor = CanonicalMath.weight(max, newMax);
    float laterFactor = CanonicalMath.weight(later.max, newMax);
    for (int e = 0; e < accumulators.length; e++) {
      accumulators[e] = Math.fma(later.accumulators[e], laterFactor, accumulators[e] * factor);
    }
    sum = Math.fma(later.sum, laterFactor, sum * factor);
    max = newMax;
  }

  /** Takes in a score that has a weight and no value. */
  void mergeSink(float sink) {
    float newMax = sink > max ? sink : max;
    rescale(CanonicalMath.weight(max, newMax));
    sum += CanonicalMath.weight(sink, newMax);
    max = newMax;
  }
}
