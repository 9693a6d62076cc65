package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.testing.HistoricalBug;
import dev.pagoda.testing.HistoricalBug.Caught;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/**
 * Every bug of {@link HistoricalBug} is planted by a test that catches it, and {@code
 * HISTORICAL_BUGS.md} says so, row by row.
 */
class HistoricalBugsTest {
  private static final Path TABLE = Path.of("HISTORICAL_BUGS.md");
  private static final Path TESTS = Path.of("src", "test", "java");

  /** Which tests say that they catch a bug: {@code Class.method}. */
  private static Map<HistoricalBug, Set<String>> catchers() throws IOException {
    Map<HistoricalBug, Set<String>> catchers = new EnumMap<>(HistoricalBug.class);
    for (String name : classesThatSayCaught()) {
      Class<?> type = load(name);
      for (Method method : type.getDeclaredMethods()) {
        for (Caught caught : method.getAnnotationsByType(Caught.class)) {
          assertThat(
                  method.isAnnotationPresent(Test.class)
                      || method.isAnnotationPresent(ParameterizedTest.class))
              .as("%s is a test", method)
              .isTrue();
          catchers
              .computeIfAbsent(caught.value(), bug -> new TreeSet<>())
              .add(type.getSimpleName() + "." + method.getName());
        }
      }
    }
    return catchers;
  }

  private static List<String> classesThatSayCaught() throws IOException {
    List<String> names = new ArrayList<>();
    try (Stream<Path> files = Files.walk(TESTS)) {
      for (Path file : files.filter(path -> path.toString().endsWith("Test.java")).toList()) {
        if (Files.readString(file).contains("@Caught(")) {
          String relative = TESTS.relativize(file).toString();
          names.add(relative.substring(0, relative.length() - ".java".length()).replace('/', '.'));
        }
      }
    }
    return names;
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException missing) {
      throw new AssertionError("a source without its class: " + name, missing);
    }
  }

  private static String row(HistoricalBug bug, Set<String> catchers) {
    return "| "
        + bug.elsewhere()
        + " | "
        + bug.failure()
        + " | "
        + bug.invariant()
        + " | `"
        + String.join("`, `", catchers)
        + "` |";
  }

  private static void requireTable(List<String> lines, Map<HistoricalBug, Set<String>> catchers) {
    List<String> rows = lines.stream().filter(line -> line.startsWith("| ")).skip(1).toList();
    List<String> expected = new ArrayList<>();
    for (HistoricalBug bug : HistoricalBug.values()) {
      assertThat(catchers).as("a test catches it").containsKey(bug);
      expected.add(row(bug, catchers.get(bug)));
    }
    assertThat(rows).containsExactlyElementsOf(expected);
  }

  @Test
  void thirtyBugsAndMoreAreCaughtAndTheTableSaysByWhom() throws IOException {
    assertThat(HistoricalBug.values()).hasSizeGreaterThanOrEqualTo(30);
    requireTable(Files.readAllLines(TABLE), catchers());
  }

  @Test
  void aRowThatIsMissingOrWrongIsFound() throws IOException {
    List<String> lines = new ArrayList<>(Files.readAllLines(TABLE));
    Map<HistoricalBug, Set<String>> catchers = catchers();
    String last = lines.removeLast();
    assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> requireTable(lines, catchers));
    lines.add(last.replace("Test.", "Tests."));
    assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> requireTable(lines, catchers));
    Map<HistoricalBug, Set<String>> fewer = new EnumMap<>(catchers);
    fewer.remove(HistoricalBug.INT_OFFSET);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireTable(Files.readAllLines(TABLE), fewer));
  }
}
