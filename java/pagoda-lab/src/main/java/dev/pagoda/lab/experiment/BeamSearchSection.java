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
import java.util.List;

/** The beam search experiment as a section of the report. */
final class BeamSearchSection {
  private static final int TOTAL_TOKENS =
      BeamSearchExperiment.PROMPT_TOKENS + BeamSearchExperiment.NEW_TOKENS;

  private BeamSearchSection() {}

  static Section of(int number, BeamSearchResult result, Conditions conditions) {
    BeamSearchResult.Divergent widest = result.divergent().getLast();
    return new Section(
        number,
        "beam-search",
        "Beam search",
        "How much memory do beams save that share blocks until they write different tokens?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            Shown.percent(widest.sharing().saved()),
            "of the blocks are saved at width "
                + widest.width()
                + " when no beam ever replaces another, the worst case: "
                + widest.sharing().usedBlocks()
                + " instead of "
                + widest.sharing().unsharedBlocks()
                + ", for "
                + widest.numBlockCopies()
                + " block copies."),
        paragraphs(result),
        List.of(divergentChart(result), searchedChart(result)),
        List.of(divergentTable(result), searchedTable(result)),
        "`BeamSearch` runs on the library's cache. To check by hand: one prompt of "
            + BeamSearchExperiment.PROMPT_TOKENS
            + " tokens, "
            + BeamSearchExperiment.NEW_TOKENS
            + " new ones, blocks of "
            + BeamSearchExperiment.BLOCK_SIZE
            + ", scores that keep every beam alive. Searches: prompts and outputs of the workloads'"
            + " lengths, log probabilities of independent Gaussian logits; blocks in use and"
            + " references in block tables are read from `cache.statistics()` after every step."
            + " Seed "
            + conditions.seed()
            + "; nothing here depends on the machine.");
  }

  private static List<String> paragraphs(BeamSearchResult result) {
    BeamSearchResult.Divergent widest = result.divergent().getLast();
    BeamSearchResult.Searched alpaca = result.searched().get(0);
    return List.of(
        "By hand: the prompt of "
            + BeamSearchExperiment.PROMPT_TOKENS
            + " tokens fills 3 blocks of 16 and 2 slots of a fourth. The 3 are shared for ever;"
            + " each of w beams needs its own fourth and fifth block: 3 + 2w blocks instead of 5w."
            + " The first step copies the fourth block w - 1 times, because the last beam that"
            + " writes is its only owner by then: "
            + widest.numBlockCopies()
            + " copies at width "
            + widest.width()
            + ".",
        "Against beams of unpaged memory, "
            + TOTAL_TOKENS
            + " tokens each, the same blocks save "
            + Shown.percent(againstTokens(widest))
            + " at width "
            + widest.width()
            + ": the rounding to whole blocks takes its part of the gain.",
        "Real searches save more, because good beams replace bad ones and the replaced one's blocks"
            + " are shared again. With random scores "
            + Shown.percent(alpaca.replacedShare())
            + " of the beams are replaced per step at width "
            + alpaca.width()
            + ". How often a real model's beams are replaced depends on the model and the text; the"
            + " published savings for short instructions are close to these.");
  }

  private static double againstTokens(BeamSearchResult.Divergent divergent) {
    return divergent
        .sharing()
        .savedAgainstTokens(
            BeamSearchExperiment.BLOCK_SIZE, (long) divergent.width() * TOTAL_TOKENS);
  }

  private static Chart divergentChart(BeamSearchResult result) {
    return new BarChart(
        "beam-blocks",
        "Blocks of beams that are never replaced",
        "beam width",
        result.divergent().stream().map(each -> Integer.toString(each.width())).toList(),
        Axis.linear("blocks in use", ""),
        List.of(
            BarSeries.of(
                "shared, copy-on-write",
                result.divergent().stream()
                    .mapToDouble(each -> each.sharing().usedBlocks())
                    .toArray()),
            BarSeries.of(
                "each beam its own",
                result.divergent().stream()
                    .mapToDouble(each -> each.sharing().unsharedBlocks())
                    .toArray())),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  private static Chart searchedChart(BeamSearchResult result) {
    return new BarChart(
        "beam-saved",
        "Blocks saved in searches over random scores",
        "beam width",
        result.divergent().stream().map(each -> Integer.toString(each.width())).toList(),
        Axis.linear("saved by sharing", "%"),
        List.of(
            saved("Alpaca lengths", result, "Alpaca"),
            saved("ShareGPT lengths", result, "ShareGPT"),
            BarSeries.of(
                "Alpaca, published",
                result.searched().stream()
                    .filter(each -> each.workload().equals("Alpaca"))
                    .mapToDouble(each -> 100 * each.publishedSaved())
                    .toArray())),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  private static BarSeries saved(String name, BeamSearchResult result, String workload) {
    return BarSeries.of(
        name,
        result.searched().stream()
            .filter(each -> each.workload().equals(workload))
            .mapToDouble(each -> 100 * each.sharing().saved())
            .toArray());
  }

  private static Table divergentTable(BeamSearchResult result) {
    return new Table(
        "beam-blocks-table",
        "Prompt 50 + 20 tokens, block size 16, no beam replaced",
        List.of(
            Column.numbers("width"),
            Column.numbers("blocks"),
            Column.numbers("without sharing"),
            Column.numbers("saved", "%"),
            Column.numbers("saved against unpaged", "%"),
            Column.numbers("peak blocks"),
            Column.numbers("block copies"),
            Column.numbers("forks")),
        result.divergent().stream()
            .map(each ->
                Row.of(
                    Cell.count(each.width()),
                    Cell.count(each.sharing().usedBlocks()),
                    Cell.count(each.sharing().unsharedBlocks()),
                    Cell.fixed(100 * each.sharing().saved(), 1),
                    Cell.fixed(100 * againstTokens(each), 1),
                    Cell.count(each.peakBlocks()),
                    Cell.count(each.numBlockCopies()),
                    Cell.count(each.numForks())))
            .toList());
  }

  private static Table searchedTable(BeamSearchResult result) {
    return new Table(
        "beam-saved-table",
        "Searches over random scores, block size 16",
        List.of(
            Column.words("workload"),
            Column.numbers("width"),
            Column.numbers("saved", "%"),
            Column.numbers("published", "%"),
            Column.numbers("beams replaced per step", "%"),
            Column.numbers("forks per step"),
            Column.numbers("block copies per token")),
        result.searched().stream()
            .map(each ->
                Row.of(
                    Cell.words(each.workload()),
                    Cell.count(each.width()),
                    Cell.fixed(100 * each.sharing().saved(), 1),
                    Double.isNaN(each.publishedSaved())
                        ? Cell.missing("not published for this width")
                        : Cell.fixed(100 * each.publishedSaved(), 1),
                    Cell.fixed(100 * each.replacedShare(), 1),
                    Cell.fixed(each.forksPerStep(), 2),
                    Cell.fixed(each.copiesPerToken(), 3)))
            .toList());
  }
}
