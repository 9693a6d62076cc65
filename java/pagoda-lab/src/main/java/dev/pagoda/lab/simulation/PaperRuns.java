package dev.pagoda.lab.simulation;

import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleConsumer;

/** The runs behind the published figures, on the machine of the paper. */
final class PaperRuns {
  static final int[] BLOCK_SIZES = {8, 16, 32, 64, 128, 256};

  private static final int SATURATING_REQUESTS = 20_000;
  private static final int SATURATING_STEPS = 600;
  private static final int SHARING_STEPS = 100;
  private static final Machine MACHINE = Machines.A100_OPT_13B;

  private final ServerSettings server = ServerSettings.paged(MACHINE.poolTokens());
  private final long seed;

  PaperRuns(long seed) {
    this.seed = seed;
  }

  /** One policy under ShareGPT, with requests always waiting. */
  record Memory(MemoryPolicy policy, Occupancy occupancy, double requestsPerSecond) {}

  /** Figure 2, and the rates that servers sustain. */
  List<Memory> memory(DoubleConsumer progress) {
    Trace trace = saturating(Published.SHARE_GPT, SATURATING_REQUESTS);
    List<Memory> all = new ArrayList<>();
    for (MemoryPolicy policy : MemoryPolicy.values()) {
      double done = all.size();
      try (ServingSimulation simulation =
          new ServingSimulation(server.withPolicy(policy), MACHINE, trace, seed)
              .measuringSaturation(SATURATING_STEPS)
              .withProgress(part -> progress.accept((done + part) / 5))) {
        ServingResult result = simulation.run();
        all.add(new Memory(policy, result.occupancy(), result.requestsPerSecond()));
      }
    }
    return all;
  }

  private Trace saturating(Workload workload, int count) {
    return Trace.poisson(workload, count, Double.POSITIVE_INFINITY, seed);
  }

  /** Figure 13: one hour at a rate, from an empty server. */
  double batched(MemoryPolicy policy, Workload workload, double rate) {
    int count = (int) (rate * Published.TRACE_SECONDS);
    Trace trace = Trace.poisson(workload, count, rate, seed);
    try (ServingSimulation simulation =
        new ServingSimulation(server.withPolicy(policy), MACHINE, trace, seed)
            .measuring(0, Published.TRACE_SECONDS)) {
      return simulation.run().occupancy().meanJobs();
    }
  }

  /** Figure 15: share of the blocks that sharing saves, over a saturated run. */
  double saved(Workload workload, boolean beams, int width) {
    boolean isAlpaca = workload.equals(Published.ALPACA);
    double replacement =
        isAlpaca ? Published.BEAM_REPLACEMENT_ALPACA : Published.BEAM_REPLACEMENT_SHARE_GPT;
    Outputs outputs = beams ? new Outputs.Beams(width, replacement) : new Outputs.Samples(width);
    ServerSettings group = server.edit().outputs(outputs).done();
    Trace trace = saturating(workload, isAlpaca ? 4_000 : 1_500);
    try (ServingSimulation simulation =
        new ServingSimulation(group, MACHINE, trace, seed).measuringSaturation(SHARING_STEPS)) {
      return simulation.run().occupancy().savedBySharing();
    }
  }

  /** Share of the owned slots that hold no token, under load, by block size. */
  double internalWaste(Workload workload, int blockSize) {
    Trace trace = saturating(workload, 5_000);
    try (ServingSimulation simulation =
        new ServingSimulation(server.withBlockSize(blockSize), MACHINE, trace, seed)
            .measuringSaturation(SHARING_STEPS)) {
      Occupancy occupancy = simulation.run().occupancy();
      return occupancy.internal / (occupancy.internal + occupancy.live);
    }
  }

  /** Latency against rate. */
  record Served(double rate, double normalizedSeconds, double waitingP99) {}

  /** Figure 12: latency per output token of half an hour at a rate. */
  Served served(MemoryPolicy policy, double rate) {
    Trace trace = Trace.poisson(Published.SHARE_GPT, (int) (rate * 1800), rate, seed);
    ServingResult result = ServingSimulation.run(server.withPolicy(policy), MACHINE, trace, seed);
    return new Served(
        rate, result.normalizedSeconds().mean(), result.waitingSeconds().percentile(99));
  }
}
