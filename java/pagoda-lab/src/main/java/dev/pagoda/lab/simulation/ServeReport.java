package dev.pagoda.lab.simulation;

import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.cli.SimulateOptions;
import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.BarChart;
import dev.pagoda.lab.report.BarSeries;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Fact;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.Report;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.workload.PromptContent;
import dev.pagoda.lab.workload.Trace;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** What a server makes of a workload, and what other settings would change. */
final class ServeReport {
  private static final double[] RATES_AROUND = {0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1};

  private final SimulateOptions options;
  private final Machine machine;
  private final ServerSettings server;
  private final List<MemoryPolicy> policies;
  private final Trace trace;
  private final Progress progress;
  private long numSimulated;

  ServeReport(SimulateOptions options, Machine machine, Progress progress) {
    this.options = options;
    this.machine = machine;
    this.progress = progress;
    trace = options.trace();
    policies = options.policies().stream().map(MemoryPolicy::named).toList();
    if (policies.isEmpty()) {
      throw new IllegalArgumentException("there is at least one policy: policies=" + policies);
    }
    server =
        new ServerSettings(
            policies.getLast(),
            switch (options.pool()) {
              case SimulateOptions.PoolSize.OfMachine _ -> machine.poolTokens();
              case SimulateOptions.PoolSize.OfTokens given -> given.tokens();
            },
            options.blockSize(),
            options.watermark(),
            options.totalTokensMax(),
            options.tokenBudget(),
            options.sequencesMax(),
            options.chunkedPrefill(),
            preemption(options.preemption()),
            options.hostBlocks(),
            options.prefixCacheBlocks(),
            options.outputs());
  }

  private static ServerSettings.Preemption preemption(String name) {
    return switch (name) {
      case "recompute" -> ServerSettings.Preemption.RECOMPUTE;
      case "swap" -> ServerSettings.Preemption.SWAP;
      case "cheaper" -> ServerSettings.Preemption.CHEAPER;
      default ->
          throw new IllegalArgumentException(
              "requests make room by recompute, swap or cheaper: preemption=" + name);
    };
  }

  Report write() {
    long start = System.nanoTime();
    boolean paged = policies.contains(MemoryPolicy.PAGED);
    progress.plan(paged ? 100 : 40);
    List<Section> sections = new ArrayList<>();
    progress.stage("memory", 10);
    List<Full> full = full();
    sections.add(memory(full));
    MemoryPolicy shown = paged ? MemoryPolicy.PAGED : policies.getFirst();
    double sustained =
        full.stream()
            .filter(each -> each.policy() == shown)
            .mapToDouble(each -> each.result().requestsPerSecond())
            .max()
            .orElseThrow();
    progress.stage("rates", 30);
    sections.add(rates(sustained));
    String planned = "none: the paged policy is not among those asked for";
    if (paged) {
      double rate = planningRate(sustained);
      planned = planned(rate, sustained);
      ServerSettings plannedServer = server.withPolicy(MemoryPolicy.PAGED);
      Trace atRate = atRate(rate);
      WhatIf whatIf = new WhatIf(plannedServer, machine, atRate, options.seed());
      progress.stage("what if", 35);
      sections.add(whatIf.section(sections.size() + 1, rate, progress));
      numSimulated += whatIf.numSimulated();
      if (!(trace.content() instanceof PromptContent.Unknown)) {
        progress.stage("prefix cache and its bound", 10);
        PrefixStudy study = new PrefixStudy(plannedServer, machine, atRate, options.seed());
        sections.add(study.section(sections.size() + 1, progress));
        numSimulated += study.numSimulated();
      }
      progress.stage("advice", 15);
      Advice advice = new Advice(plannedServer, machine, trace, atRate, options.seed());
      sections.add(advice.section(sections.size() + 1, rate, progress));
      numSimulated += advice.numSimulated();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Report(
        "A model server, simulated over the library's own block manager",
        "Blocks are taken, shared, copied, swapped and freed by the library itself, in a cache that"
            + " counts them without memory; requests and times are simulated.",
        List.of(
            new Fact("Workload", describe(trace)),
            new Fact("Planned rate", planned),
            new Fact("Model", machine.name() + ": " + machine.source()),
            new Fact("Server", describe(server)),
            new Fact(
                "Speed",
                String.format(
                    "%,d requests simulated in %.1f s on one thread: %.1f million per minute; a"
                        + " request here has %.0f prompt and %.0f output tokens on average",
                    numSimulated,
                    seconds,
                    numSimulated / seconds * 60 / 1e6,
                    trace.meanPromptTokens(),
                    trace.meanOutputTokens()))),
        sections);
  }

  /** The first rate asked for; a trace's own if it is sustained; or what leaves some room. */
  private double planningRate(double sustained) {
    if (!options.rates().isEmpty()) {
      return options.rates().getFirst();
    }
    double own = trace.requestsPerSecond();
    return options.recorded() && own <= 0.95 * sustained ? own : 0.9 * sustained;
  }

  private String planned(double rate, double sustained) {
    String why =
        !options.rates().isEmpty()
            ? "the first that was asked for"
            : rate == trace.requestsPerSecond()
                ? "the trace's own"
                : String.format("90 %% of the %.3g that are sustained", sustained);
    String own =
        options.recorded() && rate != trace.requestsPerSecond()
            ? String.format("; the trace's own is %.3g", trace.requestsPerSecond())
            : "";
    return String.format("%.3g requests per second: %s%s", rate, why, own);
  }

  private Trace atRate(double rate) {
    return options.recorded() && Double.isFinite(trace.requestsPerSecond())
        ? trace.faster(rate / trace.requestsPerSecond())
        : trace.atRate(rate, options.seed());
  }

  private static String describe(Trace trace) {
    return String.format(
        "%s: %,d requests, %.0f prompt and %.0f output tokens on average, the longest %,d",
        trace.name(),
        trace.size(),
        trace.meanPromptTokens(),
        trace.meanOutputTokens(),
        trace.totalTokensMax());
  }

  private static String describe(ServerSettings server) {
    return String.format(
        "%,d token slots (%,d blocks of %d), watermark %.1f %%, %,d tokens and %,d sequences per step,"
            + " prompts %s, preemption by %s, %,d host blocks, %,d blocks of prefix cache%s",
        server.poolTokens(),
        server.numBlocks(),
        server.blockSize(),
        100 * server.watermark(),
        server.tokenBudget(),
        server.sequencesMax(),
        server.chunkedPrefill() ? "in chunks" : "whole",
        server.preemption().name().toLowerCase(Locale.ROOT),
        server.hostBlocks(),
        server.prefixCacheBlocks(),
        server.outputs().count() > 1 ? ", " + server.outputs() + " per prompt" : "");
  }

  private record Full(MemoryPolicy policy, ServingResult result) {}

  private List<Full> full() {
    Trace waiting = trace.atRate(Double.POSITIVE_INFINITY, options.seed());
    List<Full> all = new ArrayList<>();
    for (MemoryPolicy policy : policies) {
      double done = all.size();
      try (ServingSimulation simulation =
          new ServingSimulation(server.withPolicy(policy), machine, waiting, options.seed())
              .measuringSaturation(Math.min(600, trace.size() / 10))
              .withProgress(part -> progress.advance((done + part) / policies.size()))) {
        ServingResult result = simulation.run();
        if (result.numServed() == 0) {
          throw new IllegalArgumentException(
              "no request fits this server, see --pool-tokens and --longest: policy="
                  + policy.option()
                  + ", poolTokens="
                  + server.poolTokens()
                  + ", longest="
                  + server.totalTokensMax());
        }
        all.add(new Full(policy, result));
        numSimulated += trace.size();
      }
    }
    return all;
  }

  private Section memory(List<Full> full) {
    Full best =
        full.stream()
            .max((a, b) ->
                Double.compare(a.result().requestsPerSecond(), b.result().requestsPerSecond()))
            .orElseThrow();
    List<Row> rows = new ArrayList<>();
    for (Full each : full) {
      Occupancy occupancy = each.result().occupancy();
      boolean measured = occupancy.weight > 0;
      rows.add(
          new Row(
              List.of(
                  Cell.words(each.policy().label()),
                  share(measured, occupancy.liveShare()),
                  share(measured, occupancy.reservedShare()),
                  share(measured, occupancy.internalShare()),
                  share(measured, occupancy.externalShare()),
                  measured ? Cell.fixed(occupancy.meanJobs(), 1) : NEVER_FULL,
                  Cell.significant(each.result().requestsPerSecond(), 3),
                  Cell.count(each.result().numPreemptions()),
                  Cell.count(each.result().numRefused())),
              each.equals(best)));
    }
    List<Full> shown = full.stream().filter(each -> each.result().occupancy().weight > 0).toList();
    List<Chart> charts =
        shown.isEmpty()
            ? List.of()
            : List.of(
                new BarChart(
                    "memory",
                    "Memory for keys and values, by use",
                    "policy",
                    shown.stream().map(each -> each.policy().label()).toList(),
                    Axis.linear("share of the memory", "%"),
                    List.of(
                        bars("token states", shown, Occupancy::liveShare),
                        bars("reserved for tokens to come", shown, Occupancy::reservedShare),
                        bars("internal: never used", shown, Occupancy::internalShare),
                        bars("external: nobody's", shown, Occupancy::externalShare)),
                    BarChart.Arrangement.STACKED,
                    List.of()));
    return new Section(
        1,
        "memory",
        "Memory, with requests always waiting",
        "What does each policy use the memory for, and what does that sustain?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            String.format("%.3g requests/s", best.result().requestsPerSecond()),
            "are sustained with the policy '"
                + best.policy().label()
                + "', the most of those tried."),
        List.of(),
        charts,
        List.of(
            new Table(
                "memory-table",
                "A full server",
                List.of(
                    Column.words("policy"),
                    Column.numbers("token states", "%"),
                    Column.numbers("reserved", "%"),
                    Column.numbers("internal", "%"),
                    Column.numbers("external", "%"),
                    Column.numbers("at a time"),
                    Column.numbers("sustained", "1/s"),
                    Column.numbers("preemptions"),
                    Column.numbers("refused")),
                rows)),
        "All requests wait from the start; means over time while any waits. Refused: longer than a"
            + " pool of this size can ever hold.");
  }

  private static final Cell NEVER_FULL = Cell.missing("requests never wait long enough");

  private static Cell share(boolean measured, double share) {
    return measured ? Cell.fixed(100 * share, 1) : NEVER_FULL;
  }

  private static BarSeries bars(String name, List<Full> full, ToDoubleFunction<Occupancy> share) {
    return BarSeries.of(
        name,
        full.stream()
            .mapToDouble(each -> 100 * share.applyAsDouble(each.result().occupancy()))
            .toArray());
  }

  private Section rates(double sustained) {
    List<Double> rates = options.rates();
    if (rates.isEmpty()) {
      rates = new ArrayList<>();
      for (double part : RATES_AROUND) {
        rates.add(Double.parseDouble(String.format("%.3g", part * sustained)));
      }
    }
    List<Row> rows = new ArrayList<>();
    List<Series> latencies = new ArrayList<>();
    List<Series> waits = new ArrayList<>();
    double ceiling = Double.POSITIVE_INFINITY;
    int numRuns = policies.size() * rates.size();
    int done = 0;
    for (MemoryPolicy policy : policies) {
      List<Point> latency = new ArrayList<>();
      List<Point> waiting = new ArrayList<>();
      for (double rate : rates.stream().sorted().distinct().toList()) {
        double part = done;
        try (ServingSimulation simulation =
            new ServingSimulation(server.withPolicy(policy), machine, atRate(rate), options.seed())
                .measuringBusyTime()
                .withProgress(within -> progress.advance((part + within) / numRuns))) {
          ServingResult result = simulation.run();
          numSimulated += trace.size();
          rows.add(rateRow(policy, rate, result));
          double mean = result.normalizedSeconds().mean();
          if (ceiling == Double.POSITIVE_INFINITY) {
            ceiling = 20 * mean;
          }
          if (mean <= ceiling) {
            latency.add(new Point(rate, mean));
            waiting.add(new Point(rate, result.waitingSeconds().percentile(99)));
          }
        }
        done++;
      }
      latencies.add(new Series(policy.label(), latency));
      waits.add(new Series(policy.label(), waiting));
    }
    return new Section(
        2,
        "rates",
        "Throughput and latency against request rate",
        "Up to which rate are requests served without a growing queue?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            String.format("%.3g requests/s", sustained),
            "is where the queue of the "
                + (policies.contains(MemoryPolicy.PAGED) ? "paged" : policies.getFirst().label())
                + " server begins to grow without end."),
        List.of(),
        List.of(
            new LineChart(
                "latency-over-rate",
                "Mean latency per output token",
                Axis.linear("request rate", "requests/s"),
                Axis.linear("normalized latency", "s/token"),
                latencies,
                List.of()),
            new LineChart(
                "waiting-over-rate",
                "Waiting for the first step, 99th percentile",
                Axis.linear("request rate", "requests/s"),
                Axis.linear("waiting", "s"),
                waits,
                List.of())),
        List.of(
            new Table(
                "rates-table",
                "Percentiles by rate",
                List.of(
                    Column.words("policy"),
                    Column.numbers("rate", "1/s"),
                    Column.numbers("wait p50", "s"),
                    Column.numbers("wait p99", "s"),
                    Column.numbers("first p99", "s"),
                    Column.numbers("token p50", "ms"),
                    Column.numbers("token p99", "ms"),
                    Column.numbers("at a time"),
                    Column.numbers("preemptions")),
                rows)),
        "Waiting: arrival to first step. First token: arrival to the end of the prompt. Per token:"
            + " first to last token by the tokens between. Normalized latency: arrival to last token"
            + " by output tokens; points beyond 20 times the first one are left out of the picture.");
  }

  private static Row rateRow(MemoryPolicy policy, double rate, ServingResult result) {
    return Row.of(
        Cell.words(policy.label()),
        Cell.significant(rate, 3),
        Cell.significant(result.waitingSeconds().percentile(50), 3),
        Cell.significant(result.waitingSeconds().percentile(99), 3),
        Cell.significant(result.firstTokenSeconds().percentile(99), 3),
        Cell.significant(1e3 * result.tokenSeconds().percentile(50), 3),
        Cell.significant(1e3 * result.tokenSeconds().percentile(99), 3),
        Cell.fixed(result.occupancy().weight > 0 ? result.occupancy().meanJobs() : 0, 1),
        Cell.count(result.numPreemptions()));
  }
}
