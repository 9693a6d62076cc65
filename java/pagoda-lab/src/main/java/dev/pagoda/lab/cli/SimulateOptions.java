package dev.pagoda.lab.cli;

import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import java.nio.file.Path;
import java.util.List;

/**
 * What to simulate.
 *
 * @param task what to do
 * @param calibrationFile where {@link Task#CALIBRATE} writes
 * @param backend what {@link Task#CALIBRATE} measures
 * @param trace the requests
 * @param recorded whether their arrivals are recorded, and so to be kept in proportion
 * @param rates requests per second to try; empty for some around what the server sustains
 * @param policies names of memory policies
 * @param machine name of a machine, or path of a calibration file
 * @param pool how large the pool is
 * @param blockSize tokens per block
 * @param watermark share of the blocks that stays free at admission
 * @param totalTokensMax longest request that is allowed
 * @param tokenBudget tokens per step
 * @param sequencesMax sequences at a time
 * @param chunkedPrefill whether prompts are cut
 * @param preemption recompute, swap or cheaper
 * @param hostBlocks blocks of the host tier
 * @param prefixCacheBlocks blocks of the prefix cache
 * @param outputs what comes of a prompt
 * @param seed of every random choice
 */
public record SimulateOptions(
    Task task,
    Path calibrationFile,
    BackendChoice backend,
    Trace trace,
    boolean recorded,
    List<Double> rates,
    List<String> policies,
    String machine,
    PoolSize pool,
    int blockSize,
    double watermark,
    int totalTokensMax,
    int tokenBudget,
    int sequencesMax,
    boolean chunkedPrefill,
    String preemption,
    int hostBlocks,
    int prefixCacheBlocks,
    Outputs outputs,
    long seed) {
  /** What to do. */
  public enum Task {
    /** Serve the trace, and say what else would serve it better. */
    SERVE,
    /** Compare with the published figures. */
    PAPER,
    /** Measure this machine's kernels. */
    CALIBRATE
  }

  /** How large the pool is. */
  public sealed interface PoolSize {
    /** As large as the machine's memory allows. */
    record OfMachine() implements PoolSize {}

    /**
     * As large as it is told.
     *
     * @param tokens token slots, at least 1
     */
    record OfTokens(int tokens) implements PoolSize {
      /** Checks the number. */
      public OfTokens {
        if (tokens < 1) {
          throw new IllegalArgumentException("a pool holds a token: tokens=" + tokens);
        }
      }
    }
  }

  /** Copies the lists. */
  public SimulateOptions {
    rates = List.copyOf(rates);
    policies = List.copyOf(policies);
  }
}
