package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tests, benchmarks, types, members, properties, files and folders that a document names exist. */
class DocumentsTest {
  private static final Pattern CHECKED_CLASS =
      Pattern.compile("\\b[A-Z][A-Za-z0-9]+(?:Test|Benchmark|Stress)\\b");
  private static final Pattern PATH =
      Pattern.compile("(?<![\\w./-])(?:scripts|java|native|bench)/[\\w./-]*\\w");
  private static final Pattern LINK = Pattern.compile("]\\((?!https?:)([^)#]+)[^)]*\\)");

  /** Words in code, among the other words of a document. */
  private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");

  /** What only this project calls so: {@code SwapSpace}, {@code drawFrom}, {@code dev.pagoda.x}. */
  private static final Pattern NAME =
      Pattern.compile("dev\\.pagoda(?:\\.\\w+)+|\\b[A-Za-z][a-z0-9]*[A-Z]\\w*[a-z]\\w*");

  /** Lines of the table that says what others call things. */
  private static final Pattern ELSEWHERE = Pattern.compile("(?m)^\\| `\\w+`[^|]*\\|");

  /**
   * They tell what was measured and tried, also over what is no more, and name the JVM's options.
   */
  private static final Set<String> OF_THE_PAST = Set.of("NOTES.md", "RESULTS.md");

  private static final Set<String> UNCHECKED = Set.of(".git", "target", "build");

  private static Path root = Path.of("").toAbsolutePath();
  private static Set<String> classes = Set.of();
  private static Set<String> names = Set.of(); // in sources

  @BeforeAll
  static void readTheCheckout() throws IOException {
    while (!Files.exists(root.resolve("CONTRIBUTING.md"))) {
      root = root.getParent();
    }
    assumeThat(root.resolve("scripts")).as("there is no whole checkout here").isDirectory();
    classes =
        files(".java").stream()
            .map(file -> file.getFileName().toString().replace(".java", ""))
            .collect(Collectors.toSet());
    names = new HashSet<>(classes);
    for (String suffix : List.of(".java", ".h", ".cuh", ".cu", ".cpp", ".sh", ".xml")) {
      for (Path source : files(suffix)) {
        found(NAME, Files.readString(source)).forEach(names::add);
      }
    }
  }

  @Test
  void whatDocumentsNameExists() throws IOException {
    List<Path> documents = files(".md");
    assertThat(documents).hasSizeGreaterThan(5);
    List<String> missing = new ArrayList<>();
    for (Path document : documents) {
      missing.addAll(missingIn(document, Files.readString(document)));
    }
    assertThat(missing).isEmpty();
  }

  @Test
  void aNameThatIsNowhereIsReported() {
    String text = "`NeverWrittenTest`, `scripts/never-written.sh` and [a page](never-written.md)";
    assertThat(missingIn(root.resolve("README.md"), text))
        .containsExactly(
            "README.md names NeverWrittenTest",
            "README.md names scripts/never-written.sh",
            "README.md names never-written.md");
    assertThat(missingIn(root.resolve("README.md"), "`DocumentsTest` of `java/pagoda`")).isEmpty();
  }

  @Test
  void aNameThatNoSourceHasIsReported() {
    String type = "Never" + "Written"; // apart, or this source would have it
    String text = "`%s`, `chat.%sBy()`, `dev.pagoda.%s` and `KvShape`".formatted(type, type, type);
    assertThat(missingIn(root.resolve("README.md"), text))
        .containsExactly(
            "README.md names " + type,
            "README.md names " + type + "By",
            "README.md names dev.pagoda." + type);
    assertThat(missingIn(root.resolve("README.md"), "| `%s` | `KvShape` |".formatted(type)))
        .as("what others call it")
        .isEmpty();
  }

  private static List<String> missingIn(Path document, String text) {
    Stream<String> checked = found(CHECKED_CLASS, text).filter(name -> !classes.contains(name));
    Stream<String> paths =
        found(PATH, text)
            .filter(path -> !path.contains("/target/")) // what a build makes
            .filter(path -> !Files.exists(root.resolve(path)));
    Stream<String> links =
        found(LINK, text)
            .filter(link -> !Files.exists(root.resolve(document).resolveSibling(link).normalize()));
    return Stream.of(checked, paths, links, codeIn(document, text))
        .flatMap(each -> each)
        .distinct()
        .map(name -> root.relativize(document) + " names " + name)
        .toList();
  }

  private static Stream<String> codeIn(Path document, String text) {
    if (OF_THE_PAST.contains(document.getFileName().toString())) {
      return Stream.of();
    }
    return found(CODE, ELSEWHERE.matcher(text).replaceAll("|"))
        .flatMap(code -> found(NAME, code))
        .filter(name -> !names.contains(name));
  }

  private static Stream<String> found(Pattern pattern, String text) {
    return pattern.matcher(text).results().map(DocumentsTest::innermost);
  }

  private static String innermost(MatchResult found) {
    return found.group(found.groupCount());
  }

  private static List<Path> files(String suffix) throws IOException {
    try (Stream<Path> all = Files.walk(root)) {
      return all.filter(file -> file.toString().endsWith(suffix))
          .filter(file -> {
            Path path = root.relativize(file);
            return Stream.iterate(path, each -> each != null, Path::getParent)
                .noneMatch(each -> UNCHECKED.contains(each.getFileName().toString()));
          })
          .toList();
    }
  }
}
