package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import java.util.function.DoubleConsumer;

/**
 * What an experiment runs under.
 *
 * @param backend what computes, where the experiment does not compare backends
 * @param quick whether less will do
 * @param seed of every random choice
 * @param progress told the share that is done, 0 to 1
 */
record Conditions(Backend backend, boolean quick, long seed, DoubleConsumer progress) {
  /** A number for the quick run and another one for the thorough one. */
  int either(int quickly, int thoroughly) {
    return quick ? quickly : thoroughly;
  }

  /** The same conditions for a part of the work that ends at a share of the whole. */
  Conditions part(double from, double to) {
    return new Conditions(
        backend, quick, seed, share -> progress.accept(from + share * (to - from)));
  }

  /** What must be said beside times that include projections: nothing, or a sentence. */
  String noteOnProjections() {
    return backend == Backend.CUDA
        ? " Projections run on the host in plain Java, beside a GPU too, where they are most of the"
            + " time that computing takes: a model that projects on the GPU computes that much"
            + " sooner."
        : "";
  }
}
