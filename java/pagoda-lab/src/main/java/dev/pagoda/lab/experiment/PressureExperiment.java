package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.lab.report.Section;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.PreemptionCalibration;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.pressure.PreemptorStatistics;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapStatistics;
import dev.pagoda.tier.TransferModel;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A workload in a cache too small for it: what each way of making room costs. */
final class PressureExperiment implements Experiment {
  static final String SWAP = "swap";
  static final String RECOMPUTE = "recompute";
  static final String CHOOSER = "chooser";
  static final String CHOOSER_WHOLE = "chooser, whole groups";

  private static final TransferModel FREE = new TransferModel(1e18, 0);
  private static final TransferModel DEAR = new TransferModel(1e-3, 0);
  private static final PreemptionModel ALWAYS_SWAP =
      new PreemptionModel(FREE, FREE, new PrefillModel(1e-3, 0, 0));
  private static final PreemptionModel ALWAYS_RECOMPUTE =
      new PreemptionModel(DEAR, DEAR, new PrefillModel(1e12, 0, 0));

  @Override
  public String title() {
    return "Memory pressure";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 2 : 20;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return PressureSection.of(number, measure(conditions), conditions);
  }

  static PressureResult measure(Conditions conditions) {
    List<PressureServer.Chat> chats = chats(conditions);
    int longest =
        chats.stream().mapToInt(each -> each.promptTokens() + each.outputTokens()).max().orElse(1);
    int blocksOfLongest = Math.ceilDiv(longest, PressureServer.BLOCK_SIZE);
    int tight = 4 * blocksOfLongest;
    int roomy = (chats.size() + 1) * blocksOfLongest;
    AttentionLayer layer = NotebookLayer.layer(conditions.seed());
    try (PressureServer wide = new PressureServer(chats, roomy, layer, conditions);
        PressureServer narrow = new PressureServer(chats, tight, layer, conditions)) {
      PreemptionCalibration calibration =
          PreemptionCalibration.measure(
              narrow.cache(), narrow.space(), narrow.feeder(), 16, longest / 4, longest);
      PreemptionModel model = calibration.model();
      Map<String, PreemptionPolicy> ways = new LinkedHashMap<>();
      ways.put(SWAP, new LatestFirst(ALWAYS_SWAP, LatestFirst.Extent.WHOLE));
      ways.put(RECOMPUTE, new LatestFirst(ALWAYS_RECOMPUTE, LatestFirst.Extent.WHOLE));
      ways.put(CHOOSER, new LatestFirst(model));
      ways.put(CHOOSER_WHOLE, new LatestFirst(model, LatestFirst.Extent.WHOLE));
      int rounds = conditions.either(1, 5);
      Map<String, List<PressureResult.Served>> served = new LinkedHashMap<>();
      String example = "";
      for (int round = 0; round <= rounds; round++) { // the first one warms up
        served
            .computeIfAbsent("no pressure", way -> new ArrayList<>())
            .add(serve("no pressure", wide, new LatestFirst(model)));
        for (Map.Entry<String, PreemptionPolicy> way : ways.entrySet()) {
          served
              .computeIfAbsent(way.getKey(), name -> new ArrayList<>())
              .add(serve(way.getKey(), narrow, way.getValue()));
          if (example.isEmpty() && way.getKey().equals(CHOOSER)) {
            example = narrow.example();
          }
        }
        conditions.progress().accept((round + 1.0) / (rounds + 1));
      }
      List<PressureResult.Served> medians =
          served.values().stream().map(PressureExperiment::median).toList();
      return new PressureResult(
          chats.size(),
          tight,
          medians.getFirst(),
          medians.subList(1, medians.size()),
          calibration,
          model,
          example);
    }
  }

  private static List<PressureServer.Chat> chats(Conditions conditions) {
    Random random = new Random(conditions.seed());
    int scale = conditions.backend() == Backend.SCALAR ? 1 : 4;
    List<PressureServer.Chat> chats = new ArrayList<>();
    for (int i = 0; i < conditions.either(8, 24); i++) {
      chats.add(
          new PressureServer.Chat(
              scale * (8 + random.nextInt(40)), scale * (8 + random.nextInt(24))));
    }
    return chats;
  }

  private static PressureResult.Served serve(
      String way, PressureServer server, PreemptionPolicy policy) {
    SwapStatistics before = server.space().statistics();
    long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    long start = System.nanoTime();
    Preemptor preemptor = server.serve(policy);
    long wallNanos = System.nanoTime() - start;
    long cpuNanos = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu;
    SwapStatistics after = server.space().statistics();
    PreemptorStatistics statistics = preemptor.statistics();
    return new PressureResult.Served(
        way,
        wallNanos,
        cpuNanos,
        statistics.numSwapped() + statistics.numDropped(),
        statistics.numTails(),
        after.out().bytes() + after.in().bytes() - before.out().bytes() - before.in().bytes(),
        statistics.numTokensFed());
  }

  /** Counts are those of the last round; the first round only warmed up. */
  private static PressureResult.Served median(List<PressureResult.Served> rounds) {
    List<PressureResult.Served> counted = rounds.subList(1, rounds.size());
    PressureResult.Served last = counted.getLast();
    double[] wall = counted.stream().mapToDouble(PressureResult.Served::wallNanos).toArray();
    double[] cpu = counted.stream().mapToDouble(PressureResult.Served::cpuNanos).toArray();
    return new PressureResult.Served(
        last.way(),
        Turns.median(wall, wall.length),
        Turns.median(cpu, cpu.length),
        last.numPreemptions(),
        last.numTails(),
        last.movedBytes(),
        last.tokensFedAgain());
  }
}
