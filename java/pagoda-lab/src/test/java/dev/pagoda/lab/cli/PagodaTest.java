package dev.pagoda.lab.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.lab.report.Report;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.safetensors.SafetensorsFile;
import dev.pagoda.lab.safetensors.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole commands, as a shell sees them: arguments in, output, error output and exit code out. */
class PagodaTest {
  @TempDir Path folder;

  private final List<ReportOptions> reported = new ArrayList<>();
  private final List<AttendOptions> opened = new ArrayList<>();
  private final List<SimulateOptions> simulated = new ArrayList<>();
  private AttendEngine engine = AttendFiles::count;
  private Verdict.Outcome outcome = Verdict.Outcome.HOLDS;
  private String out = "";
  private String err = "";

  @Test
  void helpListsTheCommands() {
    assertThat(run("--help")).isZero();
    assertThat(out).contains("report", "simulate", "attend");
    assertThat(out.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
    assertThat(err).isEmpty();
    String listed = out;
    assertThat(run("help")).isZero();
    assertThat(out).isEqualTo(listed);

    assertThat(run("attend", "--help")).isZero();
    assertThat(out).contains("--backend", "--executor", "query_lens", "logits_soft_cap");
    String explained = out;
    assertThat(run("help", "attend")).isZero();
    assertThat(out).isEqualTo(explained);
    assertThat(run("report", "--help")).isZero();
    assertThat(out).contains("--out", "--backend", "--quick", "--seed", "--only");
    assertThat(run("simulate", "--help")).isZero();
    assertThat(out)
        .contains("--paper", "--trace", "--calibrate", "hash_ids", "Mooncake", "Examples:");
    assertThat(out.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
    assertThat(run("--version")).isZero();
    assertThat(out).startsWith("pagoda ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''|pagoda: a command is missing: report, simulate or attend (see pagoda --help)
          reprot|pagoda: there is no such command: 'reprot'
          help reprot|pagoda: Unknown subcommand 'reprot'
          --backend scalar|pagoda: Unknown options: '--backend', 'scalar'
          report --seed x|pagoda report: Invalid value for option '--seed': it is a whole number up to 9223372036854775807, but not 'x'
          report --seed|pagoda report: Missing required parameter for option '--seed'
          report --backend gpu|pagoda report: Invalid value for option '--backend': it is one of best, cuda, vector, scalar, but not 'gpu'
          report --only 1,8|pagoda report: experiments are numbered from 1 to 7, only=8
          report --only 0|pagoda report: experiments are numbered from 1 to 7, only=0
          report --only one|pagoda report: Invalid value for option '--only'
          report more|pagoda report: a word too many: 'more'
          simulate --workload chat|pagoda simulate: workloads are sharegpt, alpaca, normal, or P:O such as 512:128, workload=chat
          simulate --workload 0:5|pagoda simulate: workloads are sharegpt, alpaca, normal, or P:O such as 512:128, workload=0:5
          simulate --requests 0|pagoda simulate: there are 1 to 20000000 requests, requests=0
          simulate --pool-tokens 0|pagoda simulate: that is at least one token, poolTokens=0
          simulate --pool-tokens -5|pagoda simulate: that is at least one token, poolTokens=-5
          simulate --longest -1|pagoda simulate: that is at least one token, longest=-1
          simulate --samples 0|pagoda simulate: a prompt has an output: samples=0
          simulate --samples 4 --policies paged,max|pagoda simulate: several outputs of a prompt need the paged policy alone, policies=paged,max
          simulate --beams 0.2|pagoda simulate: a search has several beams: samples=1
          simulate --samples 4 --beams -1|pagoda simulate: a beam is replaced with a probability: beams=-1.0
          simulate --rates 1,-2|pagoda simulate: rates are above 0, rates=-2.0
          simulate --rates fast|pagoda simulate: Invalid value for option '--rates'
          simulate --rates NaN|pagoda simulate: rates are above 0, rates=NaN
          simulate --watermark full|pagoda simulate: Invalid value for option '--watermark': it is a number, but not 'full'
          simulate --requests 99999999999|pagoda simulate: Invalid value for option '--requests': it is a whole number up to 2147483647, but not '99999999999'
          simulate --hash-tokens 0|pagoda simulate: a hash stands for at least one token, hashTokens=0
          simulate --calibrate /nowhere/a|pagoda simulate: --calibrate writes into a folder that is not there, path=/nowhere/a
          simulate --calibrate /tmp|pagoda simulate: --calibrate writes a file, and that is a folder, path=/tmp
          simulate --trace /tmp|pagoda simulate: a trace is a file, and that is a folder, path=/tmp
          simulate --paper --calibrate a|pagoda simulate: --paper and --calibrate are two things, calibrate=a
          simulate --trace /nowhere/a|pagoda simulate: there is no such path=/nowhere/a
          attend|pagoda attend: Missing required parameters: 'IN', 'OUT'
          attend a|pagoda attend: Missing required parameter: 'OUT'
          attend a b --executor 0|pagoda attend: the executor has 1 to 1024 threads, executor=0
          attend a b --backend Scalar|pagoda attend: Invalid value for option '--backend'
          attend /nowhere/a b|pagoda attend: IN does not exist, path=/nowhere/a
          """)
  void wrongArgumentsGetOneSentenceAndExitCodeTwo(String arguments, String sentence) {
    assertThat(run(arguments.isEmpty() ? new String[0] : arguments.split(" "))).isEqualTo(2);
    assertThat(err.lines()).hasSize(1).first().asString().startsWith(sentence);
    assertThat(out).isEmpty();
    assertThat(reported).isEmpty();
    assertThat(opened).isEmpty();
    assertThat(simulated).isEmpty();
  }

  @Test
  void simulatePassesItsOptionsOnAndWritesThePage() throws IOException {
    Path trace =
        Files.writeString(
            folder.resolve("two.csv"), "arrival,input_length,output_length\n1,20,3\n0,9000,1\n");
    Path target = folder.resolve("new/simulation");

    String options = "--rates 1,2.5 --policies paged,max --samples 1 --host-blocks 7 --seed -3";
    String[] arguments =
        ("simulate --trace " + trace + " --out " + target + " " + options).split(" ");

    assertThat(run(arguments)).as(err).isZero();
    assertThat(simulated).hasSize(1);
    SimulateOptions passed = simulated.getFirst();
    assertThat(passed.task()).isEqualTo(SimulateOptions.Task.SERVE);
    assertThat(passed.trace().promptTokens()).containsExactly(9000, 20);
    assertThat(passed.recorded()).isTrue();
    assertThat(passed.rates()).containsExactly(1.0, 2.5);
    assertThat(passed.policies()).containsExactly("paged", "max");
    assertThat(passed.totalTokensMax()).isEqualTo(9001);
    assertThat(passed.preemption()).isEqualTo("cheaper");
    assertThat(passed.hostBlocks()).isEqualTo(7);
    assertThat(passed.seed()).isEqualTo(-3);
    assertThat(target.resolve("report.html")).content().contains("--host-blocks 7", "JDK");
    assertThat(out).contains("It holds.", target.resolve("report.html").toString());
  }

  @Test
  void aBadTraceGetsOneSentenceWithFileAndLine() throws IOException {
    Path trace =
        Files.writeString(
            folder.resolve("bad.jsonl"),
            "{\"timestamp\": 0, \"input_length\": 5, \"output_length\": 2}\n\n{\"timestamp\": 1}\n");

    assertThat(run("simulate", "--trace", trace.toString())).isEqualTo(2);
    assertThat(err)
        .isEqualToIgnoringNewLines(
            "pagoda simulate: " + trace + ", line 3: output_length is missing");
    assertThat(simulated).isEmpty();
  }

  @Test
  void reportPassesItsOptionsOnAndWritesThePage() {
    Path target = folder.resolve("new/report");

    int exitCode =
        run(
            "report",
            "--out",
            target.toString(),
            "--quick",
            "--seed",
            "-7",
            "--backend",
            "scalar",
            "--only",
            "3,1");

    assertThat(exitCode).as(err).isZero();
    assertThat(reported).hasSize(1);
    assertThat(reported.getFirst().backend()).isEqualTo(BackendChoice.SCALAR);
    assertThat(reported.getFirst().quick()).isTrue();
    assertThat(reported.getFirst().seed()).isEqualTo(-7);
    assertThat(reported.getFirst().only()).containsExactly(1, 3);
    assertThat(target.resolve("report.html"))
        .content()
        .contains("--seed -7", "JDK", "--only 3,1", "Date");
    assertThat(out).contains("It holds.", target.resolve("report.html").toString());
  }

  @Test
  void reportRunsAllExperimentsUnlessToldOtherwise() {
    assertThat(run("report", "--out", folder.toString())).isZero();
    assertThat(reported.getFirst().only()).containsExactly(1, 2, 3, 4, 5, 6, 7);
    assertThat(reported.getFirst().backend()).isEqualTo(BackendChoice.BEST);
    assertThat(reported.getFirst().quick()).isFalse();
  }

  @Test
  void aFailedCheckOfTheReportIsExitCodeOne() {
    outcome = Verdict.Outcome.FAILED;

    assertThat(run("report", "--out", folder.toString())).isEqualTo(1);
    assertThat(folder.resolve("report.html")).content().contains("check failed");
  }

  @Test
  void reportRefusesAFileAsFolderBeforeItMeasuresAnything() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");

    assertThat(run("report", "--out", file.toString())).isEqualTo(2);
    assertThat(err).isEqualToIgnoringNewLines("pagoda report: --out is not a folder, path=" + file);
    assertThat(reported).isEmpty();
  }

  @Test
  void attendAnswersAFile() throws IOException {
    Path in = AttendFiles.valid().write(folder.resolve("in.safetensors"));
    Path answer = folder.resolve("out.safetensors");

    assertThat(run("attend", in.toString(), answer.toString(), "--backend", "cuda")).isZero();

    assertThat(opened).containsExactly(new AttendOptions(BackendChoice.CUDA, 1));
    assertThat(err + out).isEmpty();
    try (SafetensorsFile file = SafetensorsFile.open(answer)) {
      assertThat(file.tensors()).containsOnlyKeys("output", "lse");
      Tensor output = file.require("output");
      Tensor lse = file.require("lse");
      assertThat(output.shape()).containsExactly(4L, 4L, 6L);
      assertThat(lse.shape()).containsExactly(4L, 4L);
      assertThat(output.floatAt(95)).isEqualTo(95f);
      assertThat(lse.floatAt(15)).isEqualTo(-15f);
    }
  }

  @Test
  void numbersThatTheEngineForgetsAreNotNumbers() throws IOException {
    engine = (problem, answer) -> {};
    Path in = AttendFiles.valid().write(folder.resolve("in.safetensors"));
    Path answer = folder.resolve("out.safetensors");

    assertThat(run("attend", in.toString(), answer.toString())).isZero();

    try (SafetensorsFile file = SafetensorsFile.open(answer)) {
      assertThat(file.require("output").floatAt(0)).isNaN();
      assertThat(file.require("lse").floatAt(15)).isNaN();
    }
  }

  @Test
  void aRefusedFileLeavesNoAnswerNotEvenAnOldOne() throws IOException {
    Path answer = folder.resolve("out.safetensors");
    Path good = AttendFiles.valid().write(folder.resolve("good.safetensors"));
    assertThat(run("attend", good.toString(), answer.toString())).isZero();
    assertThat(answer).exists();
    Path bad = AttendFiles.valid().without("key").write(folder.resolve("bad.safetensors"));

    assertThat(run("attend", bad.toString(), answer.toString())).isEqualTo(2);

    assertThat(err).isEqualToIgnoringNewLines("pagoda attend: the file lacks a tensor, name='key'");
    assertThat(answer).doesNotExist();
  }

  @Test
  void anEngineThatFailsHalfwayLeavesNoAnswer() throws IOException {
    engine =
        (problem, answer) -> {
          AttendFiles.count(problem, answer);
          throw new IllegalArgumentException("no such head dim, headDim=8");
        };
    Path in = AttendFiles.valid().write(folder.resolve("in.safetensors"));

    assertThat(run("attend", in.toString(), folder.resolve("out").toString())).isEqualTo(2);
    assertThat(err).isEqualToIgnoringNewLines("pagoda attend: no such head dim, headDim=8");
    assertThat(folder.resolve("out")).doesNotExist();
  }

  @Test
  void swappedArgumentsDoNotCostTheInput() throws IOException {
    Path problem = AttendFiles.valid().write(folder.resolve("problem.safetensors"));
    byte[] before = Files.readAllBytes(problem);
    Path answer = folder.resolve("answer.safetensors");
    assertThat(run("attend", problem.toString(), answer.toString())).isZero();

    assertThat(run("attend", answer.toString(), problem.toString())).isEqualTo(2);

    assertThat(problem).hasBinaryContent(before);
  }

  @Test
  void refusesPathsThatCannotBeMeant() throws IOException {
    Path in = AttendFiles.valid().write(folder.resolve("in.safetensors"));
    Path empty = Files.createDirectory(folder.resolve("empty"));

    assertRefused("IN and OUT are the same, path=" + in, in, in);
    assertRefused("IN is a file, but OUT is a folder, path=" + empty, in, empty);
    assertRefused(
        "IN holds no file whose name ends in .safetensors, path=" + empty,
        empty,
        folder.resolve("out"));
    assertRefused("IN is a folder, but OUT is not, path=" + in, folder, in);
    Path nowhere = folder.resolve("no/where");
    assertRefused("the folder of OUT does not exist, path=" + nowhere, in, nowhere);
  }

  @Test
  void inAFolderBadFilesAreNamedAndTheOthersAnswered() throws IOException {
    Path in = Files.createDirectory(folder.resolve("in"));
    Path answers = folder.resolve("answers");
    AttendFiles.valid().write(in.resolve("a.safetensors"));
    AttendFiles.valid().metadata("scale", "x").write(in.resolve("b.safetensors"));
    Files.write(in.resolve("c.safetensors"), new byte[] {1, 2, 3});
    AttendFiles.valid().write(in.resolve("d.safetensors"));
    Files.createDirectory(in.resolve("e.safetensors"));
    Files.writeString(in.resolve("notes.txt"), "not ours");

    assertThat(run("attend", in.toString(), answers.toString(), "--executor", "4")).isEqualTo(2);

    assertThat(opened).containsExactly(new AttendOptions(BackendChoice.BEST, 4));
    assertThat(answers.toFile().list()).containsExactlyInAnyOrder("a.safetensors", "d.safetensors");
    assertThat(err.lines())
        .containsExactly(
            "pagoda attend: %s/b.safetensors: metadata 'scale' is not a finite decimal number,"
                    .formatted(in)
                + " value='x'",
            ("pagoda attend: %s/c.safetensors: the file is too short for the length of a header,"
                    + " byteCount=3")
                .formatted(in),
            "pagoda attend: %s/e.safetensors: not a file, path=%s/e.safetensors".formatted(in, in));
  }

  @Test
  void aFolderWithoutBadFilesIsExitCodeZero() throws IOException {
    Path in = Files.createDirectory(folder.resolve("in"));
    AttendFiles.valid().write(in.resolve("a.safetensors"));

    assertThat(run("attend", in.toString(), folder.resolve("answers").toString())).isZero();
  }

  @Test
  void aFailureOfTheProgramIsExitCodeOneWithItsTrace() throws IOException {
    engine =
        (problem, answer) -> {
          throw new IllegalStateException("a bug");
        };
    Path in = Files.createDirectory(folder.resolve("in"));
    AttendFiles.valid().write(in.resolve("a.safetensors"));
    Files.write(in.resolve("b.safetensors"), new byte[0]);

    assertThat(run("attend", in.toString(), folder.resolve("answers").toString())).isEqualTo(1);
    assertThat(err)
        .contains("the program failed: IllegalStateException: a bug", "\tat ", "b.safetensors:");
  }

  @Test
  void aBackendThatCannotBeHadIsRefused() throws IOException {
    Path in = AttendFiles.valid().write(folder.resolve("in.safetensors"));
    engine = null;

    assertThat(run("attend", in.toString(), folder.resolve("out").toString())).isEqualTo(2);
    assertThat(err)
        .isEqualToIgnoringNewLines("pagoda attend: there is no such backend here, backend=best");
  }

  private void assertRefused(String sentence, Path in, Path answer) {
    assertThat(run("attend", in.toString(), answer.toString())).isEqualTo(2);
    assertThat(err).isEqualToIgnoringNewLines("pagoda attend: " + sentence);
  }

  private int run(String... arguments) {
    ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    int exitCode =
        Pagoda.run(
            arguments,
            new OneSection(),
            this::simulate,
            this::open,
            new PrintStream(outBytes, true, UTF_8),
            new PrintStream(errBytes, true, UTF_8));
    out = outBytes.toString(UTF_8);
    err = errBytes.toString(UTF_8);
    return exitCode;
  }

  private Report simulate(SimulateOptions options, Progress progress) {
    simulated.add(options);
    return oneSection();
  }

  private Report oneSection() {
    Verdict verdict = new Verdict(outcome, "1", "It holds.");
    Section section =
        new Section(1, "one", "One", "?", verdict, List.of(), List.of(), List.of(), "");
    return new Report("Title", "Subtitle", List.of(), List.of(section));
  }

  private AttendEngine open(AttendOptions options) {
    opened.add(options);
    if (engine == null) {
      throw new Refusal("there is no such backend here, backend=" + options.backend().label());
    }
    return engine;
  }

  private final class OneSection implements Experiments {
    @Override
    public List<String> titles() {
      return List.of("one", "two", "three", "four", "five", "six", "seven");
    }

    @Override
    public Report run(ReportOptions options, Progress progress) {
      reported.add(options);
      return oneSection();
    }
  }
}
