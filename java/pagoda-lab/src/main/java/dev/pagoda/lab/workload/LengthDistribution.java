package dev.pagoda.lab.workload;

import java.util.Random;

/** Where lengths come from, in tokens. A draw is never less than 1. */
public sealed interface LengthDistribution {
  /**
   * Draws a length.
   *
   * @param random source of randomness, advanced
   * @return tokens, at least 1
   */
  int draw(Random random);

  /**
   * Always the same length.
   *
   * @param tokens at least 1
   */
  record Fixed(int tokens) implements LengthDistribution {
    /** Refuses a length that no sequence has. */
    public Fixed {
      requirePositive("tokens", tokens);
    }

    @Override
    public int draw(Random random) {
      return tokens;
    }
  }

  /**
   * Bell-shaped, held inside its limits.
   *
   * @param mean before it is held
   * @param deviation standard deviation before it is held
   * @param min shortest length, at least 1
   * @param max longest length
   */
  record Normal(double mean, double deviation, int min, int max) implements LengthDistribution {
    /** Refuses empty limits. */
    public Normal {
      requirePositive("min", min);
      requirePositive("max - min + 1", max - min + 1);
    }

    @Override
    public int draw(Random random) {
      return Math.clamp(Math.round(mean + deviation * random.nextGaussian()), min, max);
    }
  }

  /**
   * Many short and a few long ones, as people write and models answer. Lengths beyond the limit are
   * drawn again, so that they do not pile up there.
   *
   * @param mean of the distribution without its limit
   * @param deviation standard deviation without the limit
   * @param max longest length
   */
  record Gamma(double mean, double deviation, int max) implements LengthDistribution {
    /** Refuses an empty range. */
    public Gamma {
      requirePositive("max", max);
      if (!(mean > 0 && deviation > 0)) {
        throw new IllegalArgumentException(
            "mean and deviation must be positive: mean=" + mean + ", deviation=" + deviation);
      }
    }

    @Override
    public int draw(Random random) {
      double shape = mean * mean / (deviation * deviation);
      double scale = deviation * deviation / mean;
      while (true) {
        long tokens = Math.round(scale * standardGamma(shape, random));
        if (tokens <= max) {
          return (int) Math.max(1, tokens);
        }
      }
    }

    /** Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
    private static double standardGamma(double shape, Random random) {
      if (shape < 1) {
        return standardGamma(shape + 1, random) * Math.pow(random.nextDouble(), 1 / shape);
      }
      double d = shape - 1.0 / 3;
      double c = 1 / Math.sqrt(9 * d);
      while (true) {
        double x = random.nextGaussian();
        double v = Math.pow(1 + c * x, 3);
        if (v > 0 && Math.log(random.nextDouble()) < x * x / 2 + d - d * v + d * Math.log(v)) {
          return d * v;
        }
      }
    }
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + name + "=" + value);
    }
  }
}
