package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class CsvTest {
  @Test
  void fieldsAreQuotedWhereTheyMustBeAndNumbersAreExact() {
    Table table =
        new Table(
            "t",
            "T",
            List.of(Column.words("say \"what\", who"), Column.numbers("time", "ms")),
            List.of(
                Row.of(Cell.words("a,b"), Cell.fixed(1.0 / 3, 1)),
                Row.highlighted(Cell.words("two\nlines"), Cell.count(1L << 62)),
                Row.of(Cell.words("plain"), Cell.missing("no GPU"))));

    assertThat(Csv.render(table))
        .isEqualTo(
            """
            "say ""what"", who",time [ms]\r
            "a,b",0.3333333333333333\r
            "two
            lines",4611686018427387904\r
            plain,\r
            """);
  }
}
