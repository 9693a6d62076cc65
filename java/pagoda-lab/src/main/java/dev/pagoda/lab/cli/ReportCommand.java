package dev.pagoda.lab.cli;

import dev.pagoda.lab.report.Fact;
import dev.pagoda.lab.report.MachineFacts;
import dev.pagoda.lab.report.Report;
import dev.pagoda.lab.report.ReportFolder;
import dev.pagoda.lab.report.TerminalReport;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code pagoda report}: runs the experiments, prints their tables, and writes one page with
 * charts, and charts and tables as files beside it.
 *
 * <p>The exit code is 1 when a check of an experiment failed: the page then says which.
 */
@Command(
    name = "report",
    versionProvider = Pagoda.Version.class,
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Runs the experiments on this machine and writes a page about them.")
final class ReportCommand implements Callable<Integer> {
  private final Experiments experiments;
  private final PrintStream out;
  private final Progress progress;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to write, made if need be (default: pagoda-report).")
  private Path folder = Path.of("pagoda-report");

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendChoice.Converter.class,
      description = "best, cuda, vector or scalar (default: best).")
  private BackendChoice backend = BackendChoice.BEST;

  @Option(names = "--quick", description = "Smaller experiments, under 30 seconds in all.")
  private boolean quick;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of every random choice (default: 1).")
  private long seed = 1;

  @Option(
      names = "--only",
      paramLabel = "N,N",
      split = ",",
      description = "Only these experiments, by number (default: all).")
  private List<Integer> only = List.of();

  ReportCommand(Experiments experiments, PrintStream out, Progress progress) {
    this.experiments = experiments;
    this.out = out;
    this.progress = progress;
  }

  @Override
  public Integer call() throws IOException {
    ReportOptions options = new ReportOptions(backend, quick, seed, chosen());
    requireWritable(folder);
    Report report;
    try {
      report = experiments.run(options, progress).withFacts(facts());
    } finally {
      progress.finish();
    }
    List<String> leftOut = new ReportFolder(folder).write(report);
    out.print(TerminalReport.render(report));
    leftOut.forEach(out::println);
    out.printf("Wrote %s%n", folder.resolve(ReportFolder.PAGE));
    return report.isFailed() ? ExitCode.FAILED : ExitCode.DONE;
  }

  private SortedSet<Integer> chosen() {
    List<String> titles = experiments.titles();
    if (only.isEmpty()) {
      return IntStream.rangeClosed(1, titles.size())
          .boxed()
          .collect(Collectors.toCollection(TreeSet::new));
    }
    for (int number : only) {
      if (number < 1 || number > titles.size()) {
        throw new Refusal(
            "experiments are numbered from 1 to %d, only=%d".formatted(titles.size(), number));
      }
    }
    return new TreeSet<>(only);
  }

  /** Before the experiments, not after three minutes of them. */
  static void requireWritable(Path folder) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new Refusal("--out is not a folder, path=" + folder);
    }
    Files.createDirectories(folder);
    if (!Files.isWritable(folder)) {
      throw new Refusal("--out cannot be written to, path=" + folder);
    }
  }

  private List<Fact> facts() {
    List<Fact> facts = new ArrayList<>(MachineFacts.collect(Clock.systemUTC()));
    facts.add(new Fact("Seed", Long.toString(seed)));
    facts.add(new Fact("Command", commandLine(spec)));
    return facts;
  }

  /** The command as it can be typed again. */
  static String commandLine(CommandSpec spec) {
    return Stream.concat(
            Stream.of("pagoda"), spec.root().commandLine().getParseResult().originalArgs().stream())
        .map(
            word -> word.matches("[\\w@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'")
        .collect(Collectors.joining(" "));
  }
}
