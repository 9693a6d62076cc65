package dev.pagoda.lab.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.lab.attention.PagedAttendEngine;
import dev.pagoda.lab.cli.Pagoda;
import dev.pagoda.lab.experiment.ReportExperiments;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code pagoda simulate} from arguments to files. */
class SimulatorTest {
  @TempDir Path folder;
  private String out = "";
  private String err = "";

  private int simulate(String arguments) {
    ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    int exitCode =
        Pagoda.run(
            ("simulate --out " + folder.resolve("out") + " " + arguments).strip().split(" "),
            new ReportExperiments(),
            new Simulator(),
            PagedAttendEngine::open,
            new PrintStream(outBytes, true, UTF_8),
            new PrintStream(errBytes, true, UTF_8));
    out = outBytes.toString(UTF_8);
    err = errBytes.toString(UTF_8);
    return exitCode;
  }

  @Test
  void servesAWorkloadAndGivesAdvice() {
    assertThat(simulate("--requests 300")).as(err).isZero();

    assertThat(out)
        .contains("A full server", "Percentiles by rate", "One setting changed at a time")
        .contains("Advice: block size and pool size", "million per minute");
    assertThat(folder.resolve("out/report.html")).content().contains("<svg", "What if?");
    assertThat(folder.resolve("out/csv/what-if-table.csv")).content().contains("watermark");
    assertThat(folder.resolve("out/csv/rates-table.csv")).content().contains("power of two");
  }

  @Test
  void findsPrefixesOfATraceWithHashIds() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 60; i++) {
      lines.append(
          "{\"timestamp\": %d, \"input_length\": 1200, \"output_length\": 20, \"hash_ids\": [0, %d, %d]}\n"
              .formatted(1000 * i, 1 + i % 5, 100 + i));
    }
    Path trace = Files.writeString(folder.resolve("t.jsonl"), lines);

    assertThat(simulate("--policies paged --trace " + trace)).as(err).isZero();

    assertThat(out).contains("Prefix cache: hits by size", "clairvoyant", "prefix cache");
    assertThat(folder.resolve("out/csv/prefix-table.csv")).exists();
  }

  @Test
  void servesSamplesBeamsSwapsAndWholePrompts() {
    String small = "--requests 120 --workload alpaca --policies paged --rates 5 ";
    assertThat(simulate(small + "--samples 3")).as(err).isZero();
    assertThat(simulate(small + "--samples 4 --beams 0.1")).as(err).isZero();
    assertThat(simulate(small + "--host-blocks 100 --preemption swap")).as(err).isZero();
    assertThat(simulate(small + "--whole-prompts --pool-tokens 3000")).as(err).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --machine z|machines are a100-opt13b, h200-llama8b, or a file that --calibrate wrote: machine=z
          --policies paged,best|policies are max, pow2, oracle, exact, paged: policy=best
          --watermark 2|the watermark is a share from 0 to 1: watermark=2.0
          --block-size 300|blockSize must be from 1 to 256: blockSize=300
          --preemption never|requests make room by recompute, swap or cheaper: preemption=never
          --sequences 5000|sequencesMax must be from 1 to 2560: sequencesMax=5000
          --pool-tokens 100 --policies paged|no request fits this server
          """)
  void settingsThatMakeNoServerGetOneSentence(String arguments, String sentence) {
    assertThat(simulate("--requests 20 --workload 200:30 " + arguments)).isEqualTo(2);
    assertThat(err.lines().filter(line -> line.startsWith("pagoda simulate: ")).toList())
        .hasSize(1)
        .first()
        .asString()
        .startsWith("pagoda simulate: " + sentence);
  }

  @Test
  void aMachineSurvivesItsFile() throws IOException {
    Machine machine =
        new Machine(
            "m.json",
            131_072,
            1_000,
            new LatencyModel(1e6, 2, 3.5, 4, 0.25),
            List.of(new Machine.BlockCost(8, 2), new Machine.BlockCost(16, 1)),
            Machines.H200_LLAMA_8B.swapOut(),
            Machines.A100_OPT_13B.swapIn(),
            "here");
    Path file = folder.resolve("m.json");
    MachineFile.write(machine, file);

    assertThat(MachineFile.read(file)).isEqualTo(machine);
    assertThat(machine.latencyAt(8).nanosPerContextToken()).isEqualTo(7);
    assertThat(machine.latencyAt(128).nanosPerContextToken()).isEqualTo(3.5);

    assertThat(simulate("--requests 50 --policies paged --machine " + file)).as(err).isZero();
    for (String bad : new String[] {"[]", "{\"poolTokens\": \"x\"}", "{}", "{", ""}) {
      Files.writeString(file, bad);
      assertThatThrownBy(() -> MachineFile.read(file))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("m.json");
    }
  }

  /** The fit finds the costs that made the samples. */
  @Test
  void calibrationFindsBothCosts() {
    List<Calibration.Decode> samples = new ArrayList<>();
    for (int sequences : new int[] {1, 8}) {
      for (int context : new int[] {256, 4096}) {
        samples.add(
            new Calibration.Decode(
                16, sequences, context, sequences * 5_000.0 + sequences * context * 7.0));
      }
    }
    double[] costs = Calibration.fit(samples);
    assertThat(costs[0]).isCloseTo(5_000, Percentage.withPercentage(0.1));
    assertThat(costs[1]).isCloseTo(7, Percentage.withPercentage(0.1));
  }
}
