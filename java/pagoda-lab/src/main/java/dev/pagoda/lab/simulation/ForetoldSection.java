package dev.pagoda.lab.simulation;

import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.workload.LengthDistribution;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Whether a server with all its bytes does what the simulation foretells, as a section. */
final class ForetoldSection {
  private static final int NUM_REQUESTS = 200;

  private ForetoldSection() {}

  private record Outcome(String server, int numSteps, long peakBlocks, int firstDifference) {
    boolean agrees() {
      return firstDifference < 0;
    }
  }

  static Section of(int number, long seed) {
    ServerSettings.Edit base =
        ServerSettings.paged(1_000).edit().totalTokensMax(160).tokenBudget(64).sequencesMax(48);
    List<Outcome> outcomes = new ArrayList<>();
    outcomes.add(run("recompute", base.done(), seed));
    outcomes.add(
        run(
            "swap",
            base.preemption(ServerSettings.Preemption.SWAP).hostBlocks(1_000).done(),
            seed));
    outcomes.add(run("swap, 3 samples", base.outputs(new Outputs.Samples(3)).done(), seed));
    outcomes.add(run("swap, 4 beams", base.outputs(new Outputs.Beams(4, 0.2)).done(), seed));
    boolean agrees = outcomes.stream().allMatch(Outcome::agrees);
    int numSteps = outcomes.stream().mapToInt(Outcome::numSteps).sum();
    return new Section(
        number,
        "foretold",
        "Does the library do what the simulation says?",
        "Are the blocks in use the same, step by step, when every byte is written?",
        new Verdict(
            agrees ? Verdict.Outcome.HOLDS : Verdict.Outcome.FAILED,
            String.format("%,d steps", numSteps),
            agrees
                ? "of four servers under memory pressure used exactly the blocks foretold."
                : "were run, and in some the library used other blocks than foretold."),
        List.of(
            "The simulation touches a request only when something happens to it, and skips the bytes."
                + " Here a plain server without any of that appends, writes and attends to every"
                + " token of every sequence in a real cache, preempts with a real swap space, and"
                + " notes the blocks in use; the simulation of the same requests must have said"
                + " the same number for every step."),
        List.of(),
        List.of(
            new Table(
                "foretold-table",
                "Servers of 62 blocks, " + NUM_REQUESTS + " requests each",
                List.of(
                    Column.words("server"),
                    Column.numbers("steps"),
                    Column.numbers("peak blocks"),
                    Column.words("same in every step")),
                outcomes.stream()
                    .map(each ->
                        Row.of(
                            Cell.words(each.server()),
                            Cell.count(each.numSteps()),
                            Cell.count(each.peakBlocks()),
                            Cell.words(
                                each.agrees()
                                    ? "yes"
                                    : "no, first in step " + each.firstDifference())))
                    .toList())),
        "Gamma lengths with means of 30 and 40 tokens, one request per step on average, seed "
            + seed
            + ".");
  }

  private static Outcome run(String name, ServerSettings settings, long seed) {
    Workload lengths =
        new Workload(
            "short",
            new LengthDistribution.Gamma(30, 30, 100),
            new LengthDistribution.Gamma(40, 40, 100),
            160);
    Trace trace = Trace.poisson(lengths, NUM_REQUESTS, 1, seed);
    long[] recorded = RecordedRun.usedBlocks(settings, trace, seed);
    long[] foretold = RecordedRun.foretold(settings, trace, seed);
    return new Outcome(
        name,
        recorded.length,
        Arrays.stream(recorded).max().orElse(0),
        Arrays.mismatch(recorded, foretold));
  }
}
