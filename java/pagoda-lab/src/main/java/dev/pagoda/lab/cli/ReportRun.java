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
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What commands that make a report have in common: a folder that can be written to, the facts of
 * the run in front, tables on the terminal, and an exit code that tells whether a check failed.
 */
final class ReportRun {
  private final Path folder;
  private final PrintStream out;
  private final Progress progress;

  /** Makes the report. */
  interface Work {
    Report run() throws IOException;
  }

  ReportRun(Path folder, PrintStream out, Progress progress) {
    this.folder = folder;
    this.out = out;
    this.progress = progress;
  }

  int make(CommandSpec command, long seed, Work work) throws IOException {
    requireWritable();
    Report report;
    try {
      report = work.run().withFacts(facts(command, seed));
    } finally {
      progress.finish();
    }
    List<String> leftOut = new ReportFolder(folder).write(report);
    out.print(TerminalReport.render(report));
    leftOut.forEach(out::println);
    out.printf("Wrote %s%n", folder.resolve(ReportFolder.PAGE));
    return report.isFailed() ? ExitCode.FAILED : ExitCode.DONE;
  }

  /** Before the work, not after three minutes of it. */
  private void requireWritable() throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new Refusal("--out is not a folder, path=" + folder);
    }
    Files.createDirectories(folder);
    if (!Files.isWritable(folder)) {
      throw new Refusal("--out cannot be written to, path=" + folder);
    }
  }

  private static List<Fact> facts(CommandSpec command, long seed) {
    List<Fact> facts = new ArrayList<>(MachineFacts.collect(Clock.systemUTC()));
    facts.add(new Fact("Seed", Long.toString(seed)));
    facts.add(new Fact("Command", commandLine(command)));
    return facts;
  }

  /** The command as it can be typed again. */
  private static String commandLine(CommandSpec command) {
    return Stream.concat(
            Stream.of("pagoda"),
            command.root().commandLine().getParseResult().originalArgs().stream())
        .map(
            word -> word.matches("[\\w@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'")
        .collect(Collectors.joining(" "));
  }
}
