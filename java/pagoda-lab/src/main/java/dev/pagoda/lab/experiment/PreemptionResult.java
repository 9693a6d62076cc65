package dev.pagoda.lab.experiment;

import dev.pagoda.tier.PreemptionModel;
import java.util.List;
import java.util.OptionalInt;

/**
 * What it cost to take a sequence out of the cache and bring it back.
 *
 * @param lengths one entry per length, ascending, all with blocks of 16
 * @param blockSizes one entry per block size, ascending, all of one length
 * @param fitted the library's cost model, fitted to {@code lengths} on this machine
 * @param modelled a device that was not measured
 */
record PreemptionResult(
    List<Preempted> lengths,
    List<Preempted> blockSizes,
    PreemptionModel fitted,
    List<Modelled> modelled) {
  /** Copies the lists. */
  PreemptionResult {
    lengths = List.copyOf(lengths);
    blockSizes = List.copyOf(blockSizes);
    modelled = List.copyOf(modelled);
  }

  /**
   * A sequence that left and came back, both ways.
   *
   * @param numTokens its length
   * @param blockSize tokens per block
   * @param numBlocks its blocks
   * @param bytes its blocks' bytes, moved out and in again
   * @param swap out and in
   * @param recompute dropped and computed again
   * @param modelledSwapNanos out and in, by the fitted model
   * @param modelledRecomputeNanos by the fitted model
   */
  record Preempted(
      int numTokens,
      int blockSize,
      int numBlocks,
      long bytes,
      Timing swap,
      Timing recompute,
      double modelledSwapNanos,
      double modelledRecomputeNanos) {
    double swapAdvantage() {
      return recompute.wallNanos() / swap.wallNanos();
    }

    /** Cost per block and direction at which swapping would be no better. */
    double breakEvenNanosPerTransfer() {
      return (recompute.wallNanos() - swap.wallNanos()) / (2.0 * numBlocks);
    }
  }

  /**
   * One block size on a device that was not measured.
   *
   * @param blockSize tokens per block
   * @param swapWholeNanos out and in, each block one piece, as this library lays it out
   * @param swapByLayerNanos out and in, each block a piece per layer for keys and one for values
   * @param recomputeNanos computed again
   */
  record Modelled(
      int blockSize, double swapWholeNanos, double swapByLayerNanos, double recomputeNanos) {}

  /** Smallest block size from which on swapping layer by layer is no worse than recomputing. */
  OptionalInt crossoverByLayer() {
    return modelled.stream()
        .filter(each -> each.swapByLayerNanos() <= each.recomputeNanos())
        .mapToInt(Modelled::blockSize)
        .findFirst();
  }

  /** The same where a block is one piece. */
  OptionalInt crossoverWhole() {
    return modelled.stream()
        .filter(each -> each.swapWholeNanos() <= each.recomputeNanos())
        .mapToInt(Modelled::blockSize)
        .findFirst();
  }
}
