package dev.pagoda.lab.simulation;

import dev.pagoda.lab.workload.Outputs;

/**
 * How a model server is set up.
 *
 * @param policy how requests get memory
 * @param poolTokens token slots of the pool; whole blocks of them are used by the paged policy
 * @param blockSize tokens per block
 * @param watermark share of the blocks that stays free when a request is admitted, so that those in
 *     progress can grow, {@code [0, 1)}
 * @param totalTokensMax longest request that is allowed
 * @param tokenBudget tokens that a step computes at most; every request that generates gets one
 *     first, prompts get what is left
 * @param sequencesMax sequences that are served at a time, at most {@code tokenBudget}
 * @param chunkedPrefill whether a prompt may be computed in pieces; otherwise it waits until its
 *     step has room for all of it
 * @param preemption what becomes of requests that must make room
 * @param hostBlocks blocks of the host tier that swapped requests go to
 * @param prefixCacheBlocks idle blocks that may be kept for prompts that begin alike; 0 for none
 * @param outputs what comes of a prompt; several need the paged policy
 */
public record ServerSettings(
    MemoryPolicy policy,
    int poolTokens,
    int blockSize,
    double watermark,
    int totalTokensMax,
    int tokenBudget,
    int sequencesMax,
    boolean chunkedPrefill,
    Preemption preemption,
    int hostBlocks,
    int prefixCacheBlocks,
    Outputs outputs) {
  /** What becomes of requests that must make room. */
  public enum Preemption {
    /** Their blocks are dropped and computed again. */
    RECOMPUTE,
    /** Their blocks move to the host and back, as long as it has room. */
    SWAP,
    /** Whichever the library's cost model says is cheaper. */
    CHEAPER
  }

  /** Checks the numbers. */
  public ServerSettings {
    requireBetween("poolTokens", poolTokens, 1, Integer.MAX_VALUE);
    requireBetween("blockSize", blockSize, 1, 256);
    requireBetween("totalTokensMax", totalTokensMax, 1, Integer.MAX_VALUE);
    requireBetween("tokenBudget", tokenBudget, 1, Integer.MAX_VALUE);
    requireBetween("sequencesMax", sequencesMax, 1, tokenBudget);
    requireBetween("hostBlocks", hostBlocks, 0, Integer.MAX_VALUE);
    requireBetween("prefixCacheBlocks", prefixCacheBlocks, 0, Integer.MAX_VALUE);
    requireBetween("samples", outputs.count(), 1, sequencesMax);
    if (!(watermark >= 0 && watermark < 1)) {
      throw new IllegalArgumentException(
          "the watermark is a share from 0 to 1: watermark=" + watermark);
    }
    if (poolTokens < blockSize) {
      throw new IllegalArgumentException(
          "the pool holds no block: blockSize=" + blockSize + ", poolTokens=" + poolTokens);
    }
    if (outputs.count() > 1 && policy != MemoryPolicy.PAGED) {
      throw new IllegalArgumentException(
          "samples and beams need the paged policy: samples="
              + outputs.count()
              + ", policy="
              + policy);
    }
    if (!chunkedPrefill && tokenBudget < totalTokensMax) {
      throw new IllegalArgumentException(
          "without chunks the longest prompt needs a step: totalTokensMax="
              + totalTokensMax
              + ", tokenBudget="
              + tokenBudget);
    }
  }

  private static void requireBetween(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " must be from " + min + " to " + max + ": " + name + "=" + value);
    }
  }

  /**
   * A server of paged memory as the published system was set up: blocks of 16, a watermark of 1 %,
   * at most 256 sequences and 2,560 tokens per step, recompute.
   *
   * @param poolTokens token slots of the pool
   * @return the settings
   */
  public static ServerSettings paged(int poolTokens) {
    return new ServerSettings(
        MemoryPolicy.PAGED,
        poolTokens,
        16,
        0.01,
        2048,
        2560,
        256,
        true,
        Preemption.RECOMPUTE,
        0,
        0,
        Outputs.ONE);
  }

  /** Whole blocks in the pool. */
  int numBlocks() {
    return poolTokens / blockSize;
  }

  /** Blocks that admission leaves alone. */
  int watermarkBlocks() {
    return (int) Math.ceil(numBlocks() * watermark);
  }

  ServerSettings withPolicy(MemoryPolicy newPolicy) {
    return edit().policy(newPolicy).done();
  }

  ServerSettings withBlockSize(int newBlockSize) {
    return edit().blockSize(newBlockSize).done();
  }

  Edit edit() {
    return new Edit(this);
  }

  /** Changes some of the settings. */
  static final class Edit {
    private MemoryPolicy policy;
    private int poolTokens;
    private int blockSize;
    private double watermark;
    private int totalTokensMax;
    private int tokenBudget;
    private int sequencesMax;
    private boolean chunkedPrefill;
    private Preemption preemption;
    private int hostBlocks;
    private int prefixCacheBlocks;
    private Outputs outputs;

    private Edit(ServerSettings base) {
      policy = base.policy;
      poolTokens = base.poolTokens;
      blockSize = base.blockSize;
      watermark = base.watermark;
      totalTokensMax = base.totalTokensMax;
      tokenBudget = base.tokenBudget;
      sequencesMax = base.sequencesMax;
      chunkedPrefill = base.chunkedPrefill;
      preemption = base.preemption;
      hostBlocks = base.hostBlocks;
      prefixCacheBlocks = base.prefixCacheBlocks;
      outputs = base.outputs;
    }

    Edit policy(MemoryPolicy value) {
      policy = value;
      return this;
    }

    Edit poolTokens(int value) {
      poolTokens = value;
      return this;
    }

    Edit blockSize(int value) {
      blockSize = value;
      return this;
    }

    Edit watermark(double value) {
      watermark = value;
      return this;
    }

    Edit totalTokensMax(int value) {
      totalTokensMax = value;
      return this;
    }

    Edit tokenBudget(int value) {
      tokenBudget = value;
      return this;
    }

    Edit sequencesMax(int value) {
      sequencesMax = value;
      return this;
    }

    Edit chunkedPrefill(boolean value) {
      chunkedPrefill = value;
      return this;
    }

    Edit preemption(Preemption value) {
      preemption = value;
      return this;
    }

    Edit hostBlocks(int value) {
      hostBlocks = value;
      return this;
    }

    Edit prefixCacheBlocks(int value) {
      prefixCacheBlocks = value;
      return this;
    }

    Edit outputs(Outputs value) {
      outputs = value;
      return this;
    }

    ServerSettings done() {
      return new ServerSettings(
          policy,
          poolTokens,
          blockSize,
          watermark,
          totalTokensMax,
          tokenBudget,
          sequencesMax,
          chunkedPrefill,
          preemption,
          hostBlocks,
          prefixCacheBlocks,
          outputs);
    }
  }
}
