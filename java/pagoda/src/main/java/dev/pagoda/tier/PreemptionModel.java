package dev.pagoda.tier;

import java.util.Objects;

/**
 * What preemption costs on a machine.
 *
 * @param swapOut cost of moving blocks to the host
 * @param swapIn cost of moving them back
 * @param prefill cost of computing tokens again
 */
public record PreemptionModel(TransferModel swapOut, TransferModel swapIn, PrefillModel prefill) {
  /** Checks that all are there. */
  public PreemptionModel {
    Objects.requireNonNull(swapOut, "swapOut");
    Objects.requireNonNull(swapIn, "swapIn");
    Objects.requireNonNull(prefill, "prefill");
  }

  /**
   * Compares the two ways for a load.
   *
   * @param load what to move or to compute
   * @return both costs
   */
  public PreemptionCost cost(PreemptionLoad load) {
    double swapNanos =
        swapOut.nanos(load.bytes(), load.numBlocks())
            + swapIn.nanos(load.bytes(), load.numBlocks());
    return new PreemptionCost(load, swapNanos, prefill.nanos(load));
  }
}
