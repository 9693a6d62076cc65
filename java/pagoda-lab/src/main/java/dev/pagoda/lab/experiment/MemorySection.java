package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.BarChart;
import dev.pagoda.lab.report.BarSeries;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The memory experiment as a section of the report. */
final class MemorySection {
  private MemorySection() {}

  static Section of(int number, MemoryResult result, Conditions conditions) {
    Occupancy paged = result.paged().mean();
    Occupancy maximum = result.served().getFirst().mean();
    MemoryResult.Kept notebook = result.kept().getFirst();
    double loss = -notebook.savedAgainst(notebook.tokens());
    return new Section(
        number,
        "memory",
        "Memory",
        "How much of the memory set aside for keys and values holds keys and values?",
        new Verdict(
            Verdict.Outcome.MIXED,
            Shown.percent(paged.held() / paged.slots()),
            "of all slots hold a token when paged, "
                + Shown.percent(maximum.held() / maximum.slots())
                + " when each request reserves the longest length. But against sequences whose"
                + " exact length is known, paging takes "
                + Shown.percent(loss)
                + " more."),
        paragraphs(result),
        List.of(servedChart(result), savedChart(result)),
        List.of(servedTable(result), keptTable(result)),
        "Servers: "
            + Shown.count(MemoryExperiment.SLOTS)
            + " token slots, as OPT-13B has on a card of 40 GB; requests with lengths like"
            + " ShareGPT's wait from the start, first come first served; each step appends a token"
            + " to every sequence through `Step` and commits. Numbers are means over all steps"
            + " after the first "
            + Server.STEPS_TO_MIX
            + ", read from `cache.statistics()`. Contiguous servers reserve before they begin;"
            + " `buddy regions` are powers of two, as in the published baselines. Sets of"
            + " sequences: every sequence is grown to its full length by real steps, then blocks in"
            + " use are counted. Seed "
            + conditions.seed()
            + "; nothing here depends on the machine.");
  }

  private static List<String> paragraphs(MemoryResult result) {
    MemoryResult.Served paged = result.paged();
    MemoryResult.Served maximum = result.served().get(0);
    MemoryResult.Served exact = result.served().get(2);
    MemoryResult.Served firstFit = result.served().get(3);
    MemoryResult.Kept notebook = result.kept().getFirst();
    return List.of(
        "A server that must reserve the longest length keeps "
            + Shown.fixed(maximum.mean().numSequences(), 1)
            + " sequences in progress, the paged one "
            + Shown.fixed(paged.mean().numSequences(), 1)
            + " in the same memory: "
            + Shown.times(paged.mean().numSequences() / maximum.mean().numSequences())
            + " as many. The measured shares agree with those that Kwon et al. published in 2023"
            + " for the same slots and mean lengths; the table has both.",
        "Knowing every length in advance would not save the contiguous server: it still reserves"
            + " room for tokens that are not there yet, and holes between regions are too short for"
            + " the next request. It keeps "
            + Shown.fixed(exact.mean().numSequences(), 1)
            + " sequences in buddy regions, and "
            + Shown.fixed(firstFit.mean().numSequences(), 1)
            + " with first fit, which packs better than the published baseline did.",
        "Where paging loses: sequences that are complete and will not grow need exactly one slot"
            + " per token, and the last block of a paged one is half empty in the mean. At a mean"
            + " length of "
            + Shown.fixed((double) notebook.tokens() / result.numKeptSequences(), 0)
            + " tokens and blocks of "
            + MemoryExperiment.BLOCK_SIZE
            + " that is "
            + Shown.percent(-notebook.savedAgainst(notebook.tokens()))
            + " more memory than an exact-length store takes; smaller blocks lose less, none loses"
            + " nothing. What paging buys is not having to know the length.");
  }

  private static Chart servedChart(MemoryResult result) {
    List<String> systems = result.served().stream().map(MemoryResult.Served::system).toList();
    return new BarChart(
        "memory-under-load",
        "Where the slots go under load",
        "server",
        systems,
        Axis.linear("share of all slots", "%"),
        List.of(
            series("holds a token", result, Occupancy::held),
            series("reserved, used later", result, Occupancy::awaited),
            series("never used", result, Occupancy::wasted),
            series("free, but too scattered or kept back", result, Occupancy::free)),
        BarChart.Arrangement.STACKED,
        List.of());
  }

  private static BarSeries series(
      String name, MemoryResult result, ToDoubleFunction<Occupancy> part) {
    return BarSeries.of(
        name,
        result.served().stream().mapToDouble(served -> percent(served.mean(), part)).toArray());
  }

  private static double percent(Occupancy occupancy, ToDoubleFunction<Occupancy> part) {
    return 100 * part.applyAsDouble(occupancy) / occupancy.slots();
  }

  private static Chart savedChart(MemoryResult result) {
    return new BarChart(
        "memory-saved",
        "Memory that paging saves for complete sequences, by what it is compared with",
        "workload",
        result.kept().stream().map(MemoryResult.Kept::workload).toList(),
        Axis.linear("saved by paging", "%"),
        List.of(
            saved("against maximum length", result, MemoryResult.Kept::maximumSlots),
            saved("against power of two", result, MemoryResult.Kept::powerOfTwoSlots),
            saved("against exact length", result, MemoryResult.Kept::tokens)),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  private static BarSeries saved(
      String name, MemoryResult result, ToDoubleFunction<MemoryResult.Kept> baseline) {
    return BarSeries.of(
        name,
        result.kept().stream()
            .mapToDouble(kept -> 100 * kept.savedAgainst((long) baseline.applyAsDouble(kept)))
            .toArray());
  }

  private static Table servedTable(MemoryResult result) {
    List<Row> rows = new ArrayList<>();
    double maximum = result.served().getFirst().mean().numSequences();
    for (MemoryResult.Served served : result.served()) {
      Occupancy mean = served.mean();
      boolean published = served.isPublished();
      Cell nothing = Cell.missing("not published");
      rows.add(
          new Row(
              List.of(
                  Cell.words(served.system()),
                  Cell.fixed(percent(mean, Occupancy::held), 1),
                  Cell.fixed(percent(mean, Occupancy::awaited), 1),
                  Cell.fixed(percent(mean, Occupancy::wasted), 1),
                  Cell.fixed(percent(mean, Occupancy::free), 1),
                  Cell.fixed(mean.numSequences(), 1),
                  Cell.fixed(mean.numSequences() / maximum, 2),
                  published ? Cell.fixed(served.published().held(), 1) : nothing,
                  published ? Cell.fixed(served.published().numSequences(), 1) : nothing),
              served.equals(result.paged())));
    }
    return new Table(
        "memory-under-load-table",
        "Shares of " + Shown.count(MemoryExperiment.SLOTS) + " slots under load",
        List.of(
            Column.words("server"),
            Column.numbers("token states", "%"),
            Column.numbers("reserved", "%"),
            Column.numbers("internal", "%"),
            Column.numbers("free", "%"),
            Column.numbers("sequences at once"),
            Column.numbers("against maximum", "x"),
            Column.numbers("published token states", "%"),
            Column.numbers("published sequences")),
        rows);
  }

  private static Table keptTable(MemoryResult result) {
    List<Row> rows = new ArrayList<>();
    for (MemoryResult.Kept kept : result.kept()) {
      rows.add(
          Row.of(
              Cell.words(kept.workload()),
              Cell.count(kept.tokens()),
              Cell.count(kept.pagedSlots()),
              Cell.count(kept.powerOfTwoSlots()),
              Cell.count(kept.maximumSlots()),
              Cell.fixed(100 * kept.savedAgainst(kept.tokens()), 1),
              Cell.fixed(100 * kept.savedAgainst(kept.powerOfTwoSlots()), 1),
              Cell.fixed(100 * kept.savedAgainst(kept.maximumSlots()), 1)));
    }
    return new Table(
        "memory-complete-table",
        "Slots for "
            + Shown.count(result.numKeptSequences())
            + " complete sequences of each workload, block size "
            + MemoryExperiment.BLOCK_SIZE,
        List.of(
            Column.words("workload"),
            Column.numbers("exact length", "slots"),
            Column.numbers("paged", "slots"),
            Column.numbers("power of two", "slots"),
            Column.numbers("maximum length", "slots"),
            Column.numbers("saved against exact", "%"),
            Column.numbers("against power of two", "%"),
            Column.numbers("against maximum", "%")),
        rows);
  }
}
