package dev.pagoda.lab.workload;

/** What comes of one prompt: outputs that share it. */
public sealed interface Outputs {
  /** One output, as most requests have. */
  Outputs ONE = new Samples(1);

  /**
   * Sequences that generate at a time for one prompt.
   *
   * @return how many, at least 1
   */
  int count();

  /**
   * Outputs that know nothing of each other.
   *
   * @param count how many
   */
  record Samples(int count) implements Outputs {
    /** Checks the number. */
    public Samples {
      if (count < 1) {
        throw new IllegalArgumentException("a prompt has an output: samples=" + count);
      }
    }

    @Override
    public String toString() {
      return count + " samples";
    }
  }

  /**
   * The beams of a search, which replace each other.
   *
   * @param count how many
   * @param replacement how likely a beam is replaced by another one in a step, {@code [0, 1]}
   */
  record Beams(int count, double replacement) implements Outputs {
    /** Checks the numbers. */
    public Beams {
      if (count < 2) {
        throw new IllegalArgumentException("a search has several beams: samples=" + count);
      }
      if (!(replacement >= 0 && replacement <= 1)) {
        throw new IllegalArgumentException(
            "a beam is replaced with a probability: beams=" + replacement);
      }
    }

    @Override
    public String toString() {
      return count + " beams";
    }
  }
}
