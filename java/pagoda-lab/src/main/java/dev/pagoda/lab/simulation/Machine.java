package dev.pagoda.lab.simulation;

import dev.pagoda.tier.TransferModel;
import java.util.List;

/**
 * A model on a machine.
 *
 * @param name for tables
 * @param kvBytesPerToken bytes of keys and values per token, all layers
 * @param poolTokens tokens whose keys and values fit beside the weights
 * @param latency time of a step
 * @param blockCosts how reading the context depends on the block size; empty if that is not known
 * @param swapOut moving blocks to the host
 * @param swapIn moving them back
 * @param source where the numbers come from, a sentence or two
 */
public record Machine(
    String name,
    long kvBytesPerToken,
    int poolTokens,
    LatencyModel latency,
    List<BlockCost> blockCosts,
    TransferModel swapOut,
    TransferModel swapIn,
    String source) {
  /**
   * What blocks of a size cost the kernels.
   *
   * @param blockSize tokens per block
   * @param contextFactor time per context token, by that of the latency model
   */
  public record BlockCost(int blockSize, double contextFactor) {
    /** Checks that time goes forward. */
    public BlockCost {
      if (!(contextFactor > 0)) {
        throw new IllegalArgumentException(
            "reading takes time: blockSize=" + blockSize + ", contextFactor=" + contextFactor);
      }
    }
  }

  /** Refuses a machine without memory. */
  public Machine {
    blockCosts = List.copyOf(blockCosts);
    if (kvBytesPerToken < 1 || poolTokens < 1) {
      throw new IllegalArgumentException(
          "a machine holds tokens: kvBytesPerToken="
              + kvBytesPerToken
              + ", poolTokens="
              + poolTokens);
    }
  }

  /** The time of a step at a block size: that of the nearest one that was measured. */
  LatencyModel latencyAt(int blockSize) {
    double factor = 1;
    double nearest = Double.POSITIVE_INFINITY;
    for (BlockCost cost : blockCosts) {
      double distance = Math.abs(Math.log((double) cost.blockSize() / blockSize));
      if (distance < nearest) {
        nearest = distance;
        factor = cost.contextFactor();
      }
    }
    return new LatencyModel(
        latency.nanosPerStep(),
        latency.nanosPerSequence(),
        latency.nanosPerContextToken() * factor,
        latency.nanosPerPrefillToken(),
        latency.nanosPerAttendedPair());
  }
}
