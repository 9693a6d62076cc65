package dev.pagoda.lab.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream err = new PrintStream(bytes, true, UTF_8);
  private long nanos;

  @Test
  void elsewhereThanOnATerminalThereIsOnePlainLinePerStage() {
    Progress progress = new Progress(err, false, () -> nanos);
    progress.plan(10);
    progress.stage("memory", 4);
    nanos = 1_500_000_000;
    progress.advance(0.5);
    progress.stage("beams", 6);
    progress.item("one of many", 0);
    progress.say("a sentence");
    progress.finish();

    assertThat(bytes.toString(UTF_8).lines())
        .containsExactly("   0.0 s  memory", "   1.5 s  beams", "a sentence");
  }

  @Test
  void onATerminalOneLineShowsHowFarAndHowLong() {
    Progress progress = new Progress(err, true, () -> nanos);
    progress.plan(10);
    progress.stage("memory", 4);
    bytes.reset();
    nanos = 3_000_000_000L;
    progress.advance(0.75);

    assertThat(bytes.toString(UTF_8))
        .isEqualTo(
            "\r\u001b[Kmemory                       [#######-----------------]  30 %"
                + "  3 s, about 7 s left");
  }

  @Test
  void frequentAdvancesAreNotAllDrawn() {
    Progress progress = new Progress(err, true, () -> nanos);
    progress.plan(1);
    progress.stage("memory", 1);
    bytes.reset();
    for (int i = 0; i < 1000; i++) {
      nanos += 1_000_000;
      progress.advance(i / 1000.0);
    }

    assertThat(bytes.toString(UTF_8).split("\r", -1)).hasSize(11);
  }

  @Test
  void sentencesStandAboveTheLineAndTheEndIsClean() {
    Progress progress = new Progress(err, true, () -> nanos);
    progress.stage("memory", 1);
    bytes.reset();
    progress.say("a sentence");
    progress.finish();

    assertThat(bytes.toString(UTF_8))
        .startsWith("\r\u001b[Ka sentence\n\r\u001b[Kmemory")
        .endsWith("\r\u001b[K");
  }

  @Test
  void namesOfFilesCannotDriveTheTerminal() {
    Progress progress = new Progress(err, true, () -> nanos);
    progress.stage("\u001b[2Jx".repeat(20), 1);

    assertThat(bytes.toString(UTF_8).substring(4)).doesNotContain("\u001b").hasSize(28);
  }

  @Test
  void anOverrunStageStaysWithinTheBar() {
    Progress progress = new Progress(err, true, () -> nanos);
    progress.plan(1);
    progress.stage("a", 5);
    progress.stage("b", 5);

    assertThat(bytes.toString(UTF_8))
        .endsWith("[########################] 100 %  0 s, about 0 s left");
  }
}
