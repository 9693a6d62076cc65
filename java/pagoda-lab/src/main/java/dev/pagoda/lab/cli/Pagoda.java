package dev.pagoda.lab.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Properties;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command {@code pagoda} and its subcommands. */
@Command(
    name = "pagoda",
    mixinStandardHelpOptions = true,
    versionProvider = Pagoda.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description =
        "A paged KV cache and attention for the JVM: experiments, simulations, comparisons.",
    footer = {
      "",
      "pagoda COMMAND --help lists a command's options. Exit codes: 0 done, 1 a check or the program",
      "failed, 2 refused, with one sentence that says why."
    })
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
    CommandLine help = new CommandLine(new HelpCommand());
    help.getCommandSpec().usageMessage().header("Says what a command does, as COMMAND --help.");
    CommandLine commandLine =
        new CommandLine(new Pagoda())
            .addSubcommand(new ReportCommand(experiments, out, progress))
            .addSubcommand(new SimulateCommand(simulations, out, progress))
            .addSubcommand(new AttendCommand(engines, err, progress))
            .addSubcommand("help", help)
            .setOut(new PrintWriter(out, true, out.charset()))
            .setUsageHelpWidth(100)
            .registerConverter(int.class, text -> (int) whole(text, Integer.MIN_VALUE))
            .registerConverter(Integer.class, text -> (int) whole(text, Integer.MIN_VALUE))
            .registerConverter(long.class, text -> whole(text, Long.MIN_VALUE))
            .registerConverter(double.class, Pagoda::number)
            .registerConverter(Double.class, Pagoda::number)
            .setParameterExceptionHandler((e, args) -> refuseArguments(e, err))
            .setExecutionExceptionHandler((e, command, parsed) -> fail(e, command, err));
    return commandLine.execute(arguments);
  }

  @Override
  public void run() {
    throw new Refusal("a command is missing: report, simulate or attend (see pagoda --help)");
  }

  /** Parses a number between a least one and its counterpart. */
  private static long whole(String text, long least) {
    try {
      long number = Long.parseLong(text);
      if (number >= least && number <= -(least + 1)) {
        return number;
      }
    } catch (NumberFormatException notANumber) {
      // said below
    }
    throw new TypeConversionException(
        "it is a whole number up to %d, but not '%s'".formatted(-(least + 1), text));
  }

  private static double number(String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException notANumber) {
      throw new TypeConversionException("it is a number, but not '%s'".formatted(text));
    }
  }

  /** Picocli would print the whole usage text below its sentence. */
  private static int refuseArguments(CommandLine.ParameterException e, PrintStream err) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String words = String.valueOf(e.getMessage());
    if (e instanceof UnmatchedArgumentException unmatched && !unmatched.isUnknownOption()) {
      boolean wantsCommand = e.getCommandLine().getParent() == null;
      words =
          (wantsCommand ? "there is no such command: " : "a word too many: ")
              + "'"
              + unmatched.getUnmatched().getFirst()
              + "'";
    }
    String sentence = Complaint.oneLine(words);
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

  /** The version of the library's jar, which a class folder does not have. */
  static final class Version implements IVersionProvider {
    private static final String WRITTEN_BY_MAVEN =
        "/META-INF/maven/dev.pagoda/pagoda/pom.properties";

    @Override
    public String[] getVersion() throws IOException {
      Properties properties = new Properties();
      try (InputStream stream = Pagoda.class.getResourceAsStream(WRITTEN_BY_MAVEN)) {
        if (stream != null) {
          properties.load(stream);
        }
      }
      return new String[] {"pagoda " + properties.getProperty("version", "(not from a jar)")};
    }
  }
}
