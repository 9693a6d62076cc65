package dev.pagoda.lab.simulation;

import dev.pagoda.tier.TransferModel;

/**
 * A model on a machine.
 *
 * @param name for tables
 * @param kvBytesPerToken bytes of keys and values per token, all layers
 * @param poolTokens tokens whose keys and values fit beside the weights
 * @param latency time of a step
 * @param swapOut moving blocks to the host
 * @param swapIn moving them back
 * @param source where the numbers come from, a sentence or two
 */
public record Machine(
    String name,
    long kvBytesPerToken,
    int poolTokens,
    LatencyModel latency,
    TransferModel swapOut,
    TransferModel swapIn,
    String source) {
  /** Refuses a machine without memory. */
  public Machine {
    if (kvBytesPerToken < 1 || poolTokens < 1) {
      throw new IllegalArgumentException(
          "a machine holds tokens: kvBytesPerToken="
              + kvBytesPerToken
              + ", poolTokens="
              + poolTokens);
    }
  }
}
