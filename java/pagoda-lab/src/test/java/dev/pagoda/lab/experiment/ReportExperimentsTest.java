package dev.pagoda.lab.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.lab.attention.PagedAttendEngine;
import dev.pagoda.lab.cli.Pagoda;
import dev.pagoda.lab.simulation.Simulator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportExperimentsTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int report(Path target, String... more) {
    String[] arguments =
        Stream.concat(
                Stream.of("report", "--quick", "--backend", "scalar", "--out", target.toString()),
                Stream.of(more))
            .toArray(String[]::new);
    return Pagoda.run(
        arguments,
        new ReportExperiments(),
        new Simulator(),
        PagedAttendEngine::open,
        new PrintStream(out, true, UTF_8),
        new PrintStream(err, true, UTF_8));
  }

  @Test
  void namesTheNineExperimentsInTheirOrder() {
    assertThat(new ReportExperiments().titles())
        .containsExactly(
            "Correctness",
            "Memory",
            "Beam search",
            "Block size",
            "Parallel sampling",
            "Swap or recompute",
            "Throughput",
            "Memory pressure",
            "Chat with a prefix cache");
  }

  @Test
  void thePageShowsTheNumbersThatCanBeCheckedByHand() throws IOException {
    assertThat(report(folder, "--only", "3,5")).as(err.toString(UTF_8)).isZero();
    String tables = out.toString(UTF_8);
    assertThat(tables)
        .contains("19 instead of 40")
        .contains("21 instead of 36")
        .contains("3 Beam search")
        .contains("5 Parallel sampling")
        .doesNotContain("4 Block size");
    assertThat(Files.readString(folder.resolve("report.html")))
        .contains("21 instead of 36", "scalar");
    assertThat(Files.readString(folder.resolve("csv").resolve("beam-blocks-table.csv")))
        .contains("\n2,7,10,", "\n4,11,20,", "\n6,15,30,", "\n8,19,40,");
  }

  @Test
  void theMemoryExperimentDependsOnTheSeedAlone() throws IOException {
    assertThat(report(folder.resolve("a"), "--only", "2", "--seed", "9")).isZero();
    assertThat(report(folder.resolve("b"), "--only", "2", "--seed", "9")).isZero();
    assertThat(report(folder.resolve("c"), "--only", "2", "--seed", "10")).isZero();
    for (String table : new String[] {"memory-under-load-table", "memory-complete-table"}) {
      assertThat(csv("a", table)).isEqualTo(csv("b", table)).isNotEqualTo(csv("c", table));
    }
  }

  private String csv(String target, String table) throws IOException {
    return Files.readString(folder.resolve(target).resolve("csv").resolve(table + ".csv"));
  }
}
