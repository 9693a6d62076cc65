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
    assertThat(catchThrowable(() -> bug.planted().run())).as(bug.toString()).isNotNull();
  }

  @Test
  void thereAreThirtyAtLeastAndNoneTwice() {
    assertThat(bugs()).hasSizeGreaterThanOrEqualTo(30);
    assertThat(bugs().map(HistoricalBug::where)).doesNotHaveDuplicates();
  }

  @Test
  void everyGuardingTestExists() {
    List<String> sources = List.of("src/test/java");
    assertThat(bugs())
        .allSatisfy(bug -> {
          String[] name = bug.test().split("\\.", 2);
          List<Path> files;
          try (Stream<Path> all = Files.walk(Path.of(sources.getFirst()))) {
            files = all.filter(path -> path.endsWith(name[0] + ".java")).toList();
          }
          assertThat(files).as(bug.test()).hasSize(1);
          if (name.length == 2) {
            assertThat(Files.readString(files.getFirst())).contains(" " + name[1] + "(");
          }
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

    Each row is a bug that another system had. `HistoricalBugTest` plants it in a test build and demands that the test named here fails, and passes without it.
    The invariants are those of `ARCHITECTURE.md` and of the documentation of the classes named by the tests.

    | bug elsewhere | what went wrong | invariant here | guarded by |
    |---|---|---|---|
    """
        + bugs().map(HistoricalBug::row).collect(Collectors.joining("\n", "", "\n"));
  }
}
