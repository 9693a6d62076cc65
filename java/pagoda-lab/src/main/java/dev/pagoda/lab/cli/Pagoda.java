package dev.pagoda.lab.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** The command {@code pagoda} and its subcommands. */
@Command(
    name = "pagoda",
    mixinStandardHelpOptions = true,
    versionProvider = Pagoda.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description =
        "A paged KV cache and attention for the JVM: experiments, simulations, comparisons.")
public final class Pagoda implements Runnable {
  private Pagoda() {}

  /**
   * Runs one command to its end.
   *
   * @param arguments what stands behind {@code pagoda}
   * @param experiments what {@code report} runs
   * @param simulations what {@code simulate} runs
   * @param engines what {@code attend} computes with
   * @param out gets results
   * @param err gets progress and refusals
   * @return the exit code, see {@link dev.pagoda.lab.cli}
   */
  public static int run(
      String[] arguments,
      Experiments experiments,
      Simulations simulations,
      AttendEngines engines,
      PrintStream out,
      PrintStream err) {
    Progress progress = Progress.on(err);
    CommandLine commandLine =
        new CommandLine(new Pagoda())
            .addSubcommand(new ReportCommand(experiments, out, progress))
            .addSubcommand(new SimulateCommand(simulations, out, progress))
            .addSubcommand(new AttendCommand(engines, err, progress))
            .setOut(new PrintWriter(out, true, out.charset()))
            .setUsageHelpWidth(100)
            .setParameterExceptionHandler((e, args) -> refuseArguments(e, err))
            .setExecutionExceptionHandler((e, command, parsed) -> fail(e, command, err));
    return commandLine.execute(arguments);
  }

  @Override
  public void run() {
    throw new Refusal("a command is missing: report, simulate or attend (see pagoda --help)");
  }

  /** Picocli would print the whole usage text below its sentence. */
  private static int refuseArguments(CommandLine.ParameterException e, PrintStream err) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String sentence = Complaint.oneLine(String.valueOf(e.getMessage()));
    err.printf("%s: %s (see %s --help)%n", command, sentence, command);
    return ExitCode.REFUSED;
  }

  private static int fail(Exception failure, CommandLine command, PrintStream err) {
    Complaint complaint = Complaint.about(failure);
    err.printf("%s: %s%n", command.getCommandSpec().qualifiedName(), complaint.sentence());
    if (complaint.isBug()) {
      failure.printStackTrace(err);
    }
    return complaint.exitCode();
  }

  /** The version of the jar, which a class folder does not have. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version =
          Optional.ofNullable(Pagoda.class.getPackage().getImplementationVersion())
              .orElse("(not from a jar)");
      return new String[] {"pagoda " + version};
    }
  }
}
