package dev.pagoda.lab.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

  @Option(
      names = "--quick",
      description = "Smaller experiments, about 30 seconds of processor time.")
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
    return new ReportRun(folder, out, progress)
        .make(spec, seed, () -> experiments.run(options, progress));
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
}
