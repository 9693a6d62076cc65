package dev.pagoda.lab.simulation;

import dev.pagoda.lab.cli.Progress;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.workload.PromptContent;
import dev.pagoda.lab.workload.Trace;
import java.util.ArrayList;
import java.util.List;

/** The same traffic with one setting changed at a time. */
final class WhatIf {
  private final ServerSettings server;
  private final Machine machine;
  private final Trace trace;
  private final long seed;
  private long numSimulated;

  WhatIf(ServerSettings server, Machine machine, Trace trace, long seed) {
    this.server = server;
    this.machine = machine;
    this.trace = trace;
    this.seed = seed;
  }

  long numSimulated() {
    return numSimulated;
  }

  /** One setting to try. */
  private record Change(String setting, String value, ServerSettings server, boolean present) {}

  private List<Change> changes() {
    List<Change> changes = new ArrayList<>();
    for (double factor : new double[] {0.5, 0.75, 1, 1.5, 2}) {
      int tokens = (int) Math.min(Integer.MAX_VALUE, factor * server.poolTokens());
      add(changes, "pool", String.format("%,d tokens", tokens), server.edit().poolTokens(tokens));
    }
    for (int blockSize : new int[] {8, 16, 32, 64, 128}) {
      add(changes, "block size", blockSize + " tokens", server.edit().blockSize(blockSize));
    }
    for (double watermark : new double[] {0, 0.01, 0.02, 0.05, 0.1}) {
      String percent = String.format("%.0f %%", 100 * watermark);
      add(changes, "watermark", percent, server.edit().watermark(watermark));
    }
    for (double factor : new double[] {0, 0.25, 1, 2}) {
      int blocks = (int) (factor * server.numBlocks());
      boolean sameWay = server.preemption() != ServerSettings.Preemption.RECOMPUTE || blocks == 0;
      ServerSettings.Preemption way =
          sameWay ? server.preemption() : ServerSettings.Preemption.CHEAPER;
      add(
          changes,
          "host tier",
          String.format("%,d blocks", blocks),
          server.edit().hostBlocks(blocks).preemption(way));
    }
    if (!(trace.content() instanceof PromptContent.Unknown)) {
      for (double factor : new double[] {0, 0.125, 0.5, 1}) {
        int blocks = (int) (factor * server.numBlocks());
        add(
            changes,
            "prefix cache",
            String.format("%,d blocks", blocks),
            server.edit().prefixCacheBlocks(blocks));
      }
    }
    return changes;
  }

  private void add(List<Change> changes, String setting, String value, ServerSettings.Edit edited) {
    ServerSettings changed = edited.done();
    if (changed.poolTokens() >= changed.blockSize()) {
      changes.add(new Change(setting, value, changed, changed.equals(server)));
    }
  }

  Section section(int number, double rate, Progress progress) {
    List<Row> rows = new ArrayList<>();
    List<Change> changes = changes();
    double presentWaiting = 0;
    double bestWaiting = Double.POSITIVE_INFINITY;
    String best = "";
    for (Change change : changes) {
      double done = rows.size();
      try (ServingSimulation simulation =
          new ServingSimulation(change.server(), machine, trace, seed)
              .measuringBusyTime()
              .withProgress(part -> progress.advance((done + part) / changes.size()))) {
        ServingResult result = simulation.run();
        numSimulated += trace.size();
        double waiting = result.waitingSeconds().percentile(99);
        if (change.present()) {
          presentWaiting = waiting;
        } else if (waiting < bestWaiting && result.numRefused() == 0) {
          bestWaiting = waiting;
          best = change.setting() + " of " + change.value();
        }
        rows.add(
            new Row(
                List.of(
                    Cell.words(change.setting()),
                    Cell.words(change.value()),
                    Cell.significant(waiting, 3),
                    Cell.significant(result.firstTokenSeconds().percentile(99), 3),
                    Cell.significant(1e3 * result.tokenSeconds().percentile(99), 3),
                    Cell.fixed(
                        result.occupancy().weight > 0 ? result.occupancy().meanJobs() : 0, 1),
                    Cell.count(result.numPreemptions()),
                    Cell.fixed(100 * result.hitRate(), 1),
                    Cell.count(result.numRefused())),
                change.present()));
      }
    }
    return new Section(
        number,
        "what-if",
        "What if?",
        "What would another pool, block size, watermark, host tier or prefix cache change?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            String.format("%.3g s", bestWaiting),
            String.format(
                "is the shortest 99th percentile of waiting, with a %s; it is %.3g s as things are,"
                    + " at %.3g requests per second.",
                best, presentWaiting, rate)),
        List.of(
            "One setting is changed at a time; the marked rows are the server as it is. Sizes of the"
                + " prefix cache are quotas of the library's `PrefixCache` over the same pool, the"
                + " host tier is its `SwapSpace`, and who makes room, and how, is its choice."),
        List.of(),
        List.of(
            new Table(
                "what-if-table",
                "One setting changed at a time",
                List.of(
                    Column.words("setting"),
                    Column.words("value"),
                    Column.numbers("wait p99", "s"),
                    Column.numbers("first p99", "s"),
                    Column.numbers("token p99", "ms"),
                    Column.numbers("at a time"),
                    Column.numbers("preemptions"),
                    Column.numbers("cached", "%"),
                    Column.numbers("refused")),
                rows)),
        "The same arrivals for all rows. Cached: share of prompt tokens that were found. Swaps take"
            + " their time in the step that needs them; nothing overlaps.");
  }
}
