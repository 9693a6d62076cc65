package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.BarChart;
import dev.pagoda.lab.report.BarSeries;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The parallel sampling experiment as a section of the report. */
final class ParallelSamplingSection {
  private static final int NUM_SAMPLES = 6;
  private static final int TOTAL_TOKENS =
      ParallelSamplingExperiment.PROMPT_TOKENS + ParallelSamplingExperiment.NEW_TOKENS;

  private ParallelSamplingSection() {}

  static Section of(int number, ParallelSamplingResult result, Conditions conditions) {
    ParallelSamplingResult.Sampled six = result.withSamples(NUM_SAMPLES);
    return new Section(
        number,
        "parallel-sampling",
        "Parallel sampling",
        "How much memory do samples of one prompt save that share its blocks?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            Shown.percent(six.sharing().saved()),
            "of the blocks are saved by "
                + NUM_SAMPLES
                + " samples of a prompt of "
                + ParallelSamplingExperiment.PROMPT_TOKENS
                + " tokens with "
                + ParallelSamplingExperiment.NEW_TOKENS
                + " new ones each: "
                + six.sharing().usedBlocks()
                + " instead of "
                + six.sharing().unsharedBlocks()
                + ". Long outputs dilute the gain."),
        List.of(
            "By hand: 60 tokens fill 3 blocks of 16 and 12 slots of a fourth. All samples share the"
                + " 3; each needs its own fourth, fifth and sixth block for its 90 tokens: 3 + 3n"
                + " blocks instead of 6n. The first step copies the fourth block n - 1 times if the"
                + " prompt becomes one of the samples, n times if the caller keeps it to fork from"
                + " again.",
            "Against unpaged samples of "
                + TOTAL_TOKENS
                + " tokens each the saving at "
                + NUM_SAMPLES
                + " samples is "
                + Shown.percent(againstTokens(six))
                + ". Over whole workloads only the full blocks of the prompt are shared, and"
                + " outputs are two to three times as long as prompts, so less is saved: the more"
                + " samples, the closer to the prompt's share of all blocks."),
        List.of(sampledChart(result), servedChart(result)),
        List.of(sampledTable(result), servedTable(result)),
        "`ParallelSampling` runs on the library's cache, one token per sample and step, block size "
            + ParallelSamplingExperiment.BLOCK_SIZE
            + ". Blocks in use and references in block tables are read from `cache.statistics()`:"
            + " at the end for the case to check by hand, after every step for the workloads, where"
            + " all samples of a prompt get the request's output length. Seed "
            + conditions.seed()
            + "; nothing here depends on the machine.");
  }

  private static double againstTokens(ParallelSamplingResult.Sampled sampled) {
    return sampled
        .sharing()
        .savedAgainstTokens(
            ParallelSamplingExperiment.BLOCK_SIZE, (long) sampled.numSamples() * TOTAL_TOKENS);
  }

  private static Chart sampledChart(ParallelSamplingResult result) {
    return new LineChart(
        "sampling-blocks",
        "Blocks of samples of one prompt, 60 + 30 tokens",
        Axis.linear("samples", ""),
        Axis.linear("blocks in use", ""),
        List.of(
            line("prompt shared", result, each -> each.sharing().usedBlocks()),
            line("each sample its own", result, each -> each.sharing().unsharedBlocks())),
        List.of());
  }

  private static Series line(
      String name,
      ParallelSamplingResult result,
      ToDoubleFunction<ParallelSamplingResult.Sampled> blocks) {
    return new Series(
        name,
        result.sampled().stream()
            .map(each -> new Point(each.numSamples(), blocks.applyAsDouble(each)))
            .toList());
  }

  private static Chart servedChart(ParallelSamplingResult result) {
    return new BarChart(
        "sampling-saved",
        "Blocks saved over whole workloads",
        "workload, samples",
        result.served().stream().map(each -> each.workload() + ", " + each.numSamples()).toList(),
        Axis.linear("saved by sharing", "%"),
        List.of(
            BarSeries.of(
                "measured",
                result.served().stream()
                    .mapToDouble(each -> 100 * each.sharing().saved())
                    .toArray()),
            BarSeries.of(
                "published",
                result.served().stream()
                    .mapToDouble(each -> 100 * each.publishedSaved())
                    .toArray())),
        BarChart.Arrangement.GROUPED,
        List.of());
  }

  private static Table sampledTable(ParallelSamplingResult result) {
    return new Table(
        "sampling-blocks-table",
        "Prompt 60 + 30 tokens, block size 16",
        List.of(
            Column.numbers("samples"),
            Column.numbers("blocks"),
            Column.numbers("without sharing"),
            Column.numbers("saved", "%"),
            Column.numbers("saved against unpaged", "%"),
            Column.numbers("copies, prompt moved"),
            Column.numbers("copies, prompt kept")),
        result.sampled().stream()
            .map(each ->
                new Row(
                    List.of(
                        Cell.count(each.numSamples()),
                        Cell.count(each.sharing().usedBlocks()),
                        Cell.count(each.sharing().unsharedBlocks()),
                        Cell.fixed(100 * each.sharing().saved(), 2),
                        Cell.fixed(100 * againstTokens(each), 1),
                        Cell.count(each.copiesIfMoved()),
                        Cell.count(each.copiesIfKept())),
                    each.numSamples() == NUM_SAMPLES))
            .toList());
  }

  private static Table servedTable(ParallelSamplingResult result) {
    return new Table(
        "sampling-saved-table",
        "Blocks saved over whole workloads",
        List.of(
            Column.words("workload"),
            Column.numbers("samples"),
            Column.numbers("saved", "%"),
            Column.numbers("published", "%")),
        result.served().stream()
            .map(each ->
                Row.of(
                    Cell.words(each.workload()),
                    Cell.count(each.numSamples()),
                    Cell.fixed(100 * each.sharing().saved(), 1),
                    Double.isNaN(each.publishedSaved())
                        ? Cell.missing("a range is published, without this value")
                        : Cell.fixed(100 * each.publishedSaved(), 1)))
            .toList());
  }
}
