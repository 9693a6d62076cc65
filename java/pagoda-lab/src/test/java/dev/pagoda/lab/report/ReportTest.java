package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the model refuses, so that no renderer has to. */
class ReportTest {
  private static final Axis PLAIN = Axis.linear("x", "");

  @Test
  void anIdIsThereOnce() {
    Report report = SampleReport.report();
    Section first = report.sections().getFirst();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Report("", "", List.of(), List.of(first, first)))
        .withMessage("an id is there twice, id=correctness");
  }

  @Test
  void anIdIsGoodForAnchorsAndFileNames() {
    for (String id : List.of("", "A", "a b", "../a", "a--b", "-a", "a/b", "1a")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Table(id, "", List.of(Column.words("")), List.of()))
          .withMessageEndingWith("id='%s'", id);
    }
  }

  @Test
  void rowsFitTheirColumns() {
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new Table(
                "t", "", List.of(Column.words("a")), List.of(Row.of(Cell.count(1), Cell.count(2)))))
        .withMessageStartingWith("table t has 1 columns but a row with cells=");
  }

  @Test
  void seriesAreSortedAndHaveOneValuePerPlace() {
    Series series = new Series("s", List.of(new Point(2, 1), new Point(1, 5)));
    assertThat(series.points()).containsExactly(new Point(1, 5), new Point(2, 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Series("s", List.of(new Point(1, 1), new Point(1, 2))))
        .withMessage("series 's' has two points at x=1.0");
  }

  @Test
  void barsAreLengthsFromZero() {
    assertThatIllegalArgumentException().isThrownBy(() -> bars(Axis.log10("y", ""), 1, 2));
    assertThatIllegalArgumentException().isThrownBy(() -> bars(PLAIN, 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> bars(PLAIN, 1, -2))
        .withMessageContaining("stacks a negative value");
  }

  private static void bars(Axis axis, double... values) {
    new BarChart(
        "b",
        "",
        "c",
        List.of("one", "two"),
        axis,
        List.of(BarSeries.of("s", values)),
        BarChart.Arrangement.STACKED,
        List.of());
  }

  @Test
  void chartDataHaveEveryPointAndSayWhereOneIsMissing() {
    LineChart chart =
        new LineChart(
            "l",
            "L",
            PLAIN,
            Axis.log10("y", "s"),
            List.of(
                new Series("a", List.of(new Point(1, 0), new Point(3, 0.5))),
                new Series("b", List.of(new Point(2, 7)))),
            List.of());

    assertThat(chart.numHidden()).isEqualTo(1);
    assertThat(Csv.render(chart.data())).isEqualTo("x,a [s],b [s]\r\n1,0,\r\n2,,7\r\n3,0.5,\r\n");
  }

  @Test
  void aReportFailsWithItsChecksAndNotWithItsFindings() {
    assertThat(SampleReport.report().isFailed()).isFalse();
  }

  @Test
  void machineFactsNameMachineAndJvm() {
    List<Fact> facts =
        MachineFacts.collect(Clock.fixed(Instant.parse("2026-11-22T10:11:12Z"), ZoneOffset.UTC));

    assertThat(facts)
        .contains(new Fact("Date", "2026-11-22 10:11 Z"))
        .extracting(Fact::name)
        .contains("Machine", "Memory", "System", "JDK", "JVM options");
    assertThat(facts).allSatisfy(fact -> assertThat(fact.value()).isNotBlank());
  }
}
