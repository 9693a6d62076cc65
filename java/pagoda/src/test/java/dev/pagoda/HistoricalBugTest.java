package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;

import dev.pagoda.block.BlockBugs;
import dev.pagoda.internal.kernel.KernelBugs;
import dev.pagoda.prefix.PrefixBugs;
import dev.pagoda.tier.file.FileBugs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Bugs that other systems had, each planted here and each caught by a check that passes without it.
 *
 * <p>The table in {@code HISTORICAL-BUGS.md} is what {@link #document} renders: after a change,
 * take it over from {@code target/HISTORICAL-BUGS.md}.
 */
class HistoricalBugTest {
  private static final Path DOCUMENT = Path.of("HISTORICAL-BUGS.md");

  static Stream<HistoricalBug> bugs() {
    return Stream.of(
            PrefixBugs.all(), BlockBugs.all(), CacheBugs.all(), KernelBugs.all(), FileBugs.all())
        .flatMap(List::stream);
  }

  @ParameterizedTest
  @MethodSource("bugs")
  void theCheckPassesWithoutTheBug(HistoricalBug bug) {
    assertDoesNotThrow(bug.sound()::run, bug.toString());
  }

  @ParameterizedTest
  @MethodSource("bugs")
  void theCheckCatchesTheBug(HistoricalBug bug) {
    assertThat(seenBy(catchThrowable(() -> bug.planted().run())))
        .as(bug.toString())
        .hasMessageContaining(bug.harm());
  }

  /** It is the guarding test that fails, and not the bug that throws. */
  @ParameterizedTest
  @MethodSource("bugs")
  void theGuardingTestRunsThatCheck(HistoricalBug bug) throws IOException {
    String guard = bug.test().split("\\.", 2)[0];
    String source = Files.readString(source(guard));
    Throwable seen = seenBy(catchThrowable(() -> bug.planted().run()));
    assertThat(seen.getStackTrace())
        .as(bug.toString())
        .anyMatch(frame -> {
          String type = frame.getClassName().replaceAll(".*\\.", "").replaceAll("\\$.*", "");
          return type.equals(guard) || source.contains(type + "." + frame.getMethodName() + "(");
        });
  }

  /** The disagreement that a check has told. */
  private static Throwable seenBy(Throwable failure) {
    assertThat(failure).isInstanceOf(AssertionError.class);
    Throwable seen = failure;
    while (seen.getCause() instanceof AssertionError cause) {
      seen = cause;
    }
    return seen;
  }

  private static Path source(String type) throws IOException {
    try (Stream<Path> all = Files.walk(Path.of("src/test/java"))) {
      List<Path> files = all.filter(path -> path.endsWith(type + ".java")).toList();
      assertThat(files).as(type).hasSize(1);
      return files.getFirst();
    }
  }

  @Test
  void thereAreThirtyAtLeastAndNoneTwice() {
    assertThat(bugs()).hasSizeGreaterThanOrEqualTo(30);
    assertThat(bugs().map(HistoricalBug::where)).doesNotHaveDuplicates();
  }

  @Test
  void everyGuardingTestExists() {
    assertThat(bugs())
        .allSatisfy(bug -> {
          String[] name = bug.test().split("\\.", 2);
          assertThat(Files.readString(source(name[0]))).contains(" " + name[1] + "(");
        });
  }

  @Test
  void theDocumentedTableIsTheRegistry() throws IOException {
    Files.createDirectories(Path.of("target"));
    Files.writeString(Path.of("target").resolve(DOCUMENT), document());
    assertThat(DOCUMENT).as("rendered to target/%s", DOCUMENT).hasContent(document());
  }

  private static String document() {
    return """
    # Bugs elsewhere, invariants and tests here

    Each row is a bug that another system had. `HistoricalBugTest` plants it in a test build and demands that the check of the test named here fails, by telling the harm that the bug does, and passes without it.
    Stories look at no counters then, only at what requests are given, which blocks they have and what is in them.
    The invariants are those of `ARCHITECTURE.md` and of the documentation of the classes named by the tests.

    | bug elsewhere | what went wrong | invariant here | guarded by |
    |---|---|---|---|
    """
        + bugs().map(HistoricalBug::row).collect(Collectors.joining("\n", "", "\n"));
  }
}
