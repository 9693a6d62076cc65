package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.SourceFile.Violation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the library's own sources never say: each rule keeps a promise that no compiler checks. */
class ForbiddenConstructsTest {

  /** A construct, why it is kept out, and the packages or files that may use it all the same. */
  private record Rule(Pattern construct, String reason, Set<String> exempt) {
    static Rule everywhere(String regex, String reason) {
      return outside(Set.of(), regex, reason);
    }

    static Rule outside(Set<String> exempt, String regex, String reason) {
      return new Rule(Pattern.compile(regex), reason, exempt);
    }
  }

  private static final String KERNEL = "dev.pagoda.internal.kernel";
  private static final String CUDA = "dev.pagoda.internal.cuda";

  private static final List<Rule> RULES =
      List.of(
          Rule.everywhere(
              "\\bSystem\\s*\\.\\s*exit\\b|\\bRuntime\\b[^;]*\\.\\s*(?:exit|halt)\\s*\\(",
              "a library does not end its application"),
          Rule.everywhere("\\bObjectInputStream\\b", "untrusted bytes never choose classes"),
          Rule.everywhere("\\bUnsafe\\b", "memory is reached through java.lang.foreign only"),
          Rule.outside(
              Set.of(CUDA),
              "\\b(?:reinterpret|ofAddress)\\s*\\(",
              "addresses become segments in " + CUDA + " only"),
          Rule.everywhere("\\bthrows\\b[^{;]*\\bThrowable\\b", "no caller can handle it"),
          Rule.outside(
              Set.of(KERNEL, CUDA),
              "\\bSystem\\s*\\.\\s*(?:getProperty|getProperties|getenv)\\b"
                  + "|\\b(?:Integer\\s*\\.\\s*getInteger|Long\\s*\\.\\s*getLong"
                  + "|Boolean\\s*\\.\\s*getBoolean)\\b",
              "settings are read in " + KERNEL + " and " + CUDA + " only"),
          Rule.everywhere(
              "\\bSystem\\s*\\.\\s*set\\w+|\\bsetDefault\\w*\\s*\\(",
              "nothing JVM-wide is changed by a library"),
          Rule.everywhere(
              "\\bSystem\\s*\\.\\s*(?:out|err)\\b|\\bprintStackTrace\\b",
              "a library speaks through System.Logger"),
          Rule.outside(
              Set.of(
                  CUDA,
                  "dev.pagoda.memory",
                  "SystemFiles.java",
                  "SystemFile.java",
                  "PrivateFolder.java"),
              "(?<![\\w.])Files\\s*\\.|\\b(?:FileChannel|RandomAccessFile|AsynchronousFileChannel)\\b"
                  + "|\\bFile(?:In|Out)putStream\\b|\\.\\s*toFile\\s*\\(",
              "tiers and saves reach files through SystemFiles, where tests have each call fail"),
          Rule.everywhere("\\bThreadLocal\\b", "scratch memory belongs to the cache"));

  /** From the end of what came before: annotations, modifiers, type and name of one declaration. */
  private static final Pattern FIELD_LIKE =
      Pattern.compile("(?<=[;{}])((?:@[\\w.]++(?:\\s*+\\([^)]*+\\))?+|[^;{}=(@]++)*+)[;=]");

  private static final Pattern STATIC = Pattern.compile("\\bstatic\\b");
  private static final Pattern NO_STATE =
      Pattern.compile("\\b(?:final|import|requires|class|interface|enum|record)\\b");

  static List<Violation> violations(List<SourceFile> sources) {
    List<Violation> violations = new ArrayList<>();
    for (SourceFile source : sources) {
      for (Rule rule : RULES) {
        if (!rule.exempt().contains(source.packageName())
            && !rule.exempt().contains(Path.of(source.path()).getFileName().toString())) {
          Matcher construct = rule.construct().matcher(source.code());
          while (construct.find()) {
            violations.add(source.violation(construct.start(), rule.reason()));
          }
        }
      }
      Matcher fieldLike = FIELD_LIKE.matcher(source.code());
      while (fieldLike.find()) {
        Matcher modifier = STATIC.matcher(fieldLike.group(1));
        if (modifier.find() && !NO_STATE.matcher(fieldLike.group(1)).find()) {
          violations.add(
              source.violation(
                  fieldLike.start(1) + modifier.start(),
                  "static state is shared by every cache: make it final"));
        }
      }
    }
    return violations;
  }

  @Test
  void theLibraryHasNone() {
    assertThat(violations(SourceFile.below(Path.of("src/main/java")))).isEmpty();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          dev.pagoda          | System.exit(1);
          dev.pagoda          | Runtime.getRuntime().halt(1);
          dev.pagoda          | new ObjectInputStream(in);
          dev.pagoda.memory   | sun.misc.Unsafe unsafe;
          dev.pagoda.memory   | MemorySegment all = MemorySegment.NULL.reinterpret(8);
          dev.pagoda.memory   | MemorySegment view = MemorySegment.ofAddress(1);
          dev.pagoda.cuda     | MemorySegment view = MemorySegment.ofAddress(1);
          dev.pagoda          | void a() throws Throwable {}
          dev.pagoda          | void a() throws java.io.IOException, Throwable;
          dev.pagoda          | String s = System.getProperty("x");
          dev.pagoda.tier     | int i = Integer.getInteger("x", 1);
          dev.pagoda.tier     | long l = Long.getLong("x", 1);
          dev.pagoda.block    | boolean b = Boolean.getBoolean("x");
          dev.pagoda.block    | String s = System.getenv("x");
          dev.pagoda          | System.setProperty("a", "b");
          dev.pagoda          | Thread.setDefaultUncaughtExceptionHandler(null);
          dev.pagoda          | System.out.println();
          dev.pagoda          | e.printStackTrace();
          dev.pagoda          | ThreadLocal<float[]> scratch;
          dev.pagoda.tier.file | Files.delete(path);
          dev.pagoda.tier.file | var c = FileChannel.open(path);
          dev.pagoda.tier     | var in = new FileInputStream("x");
          dev.pagoda          | static int counter;
          dev.pagoda          | private static int counter = 0;
          dev.pagoda          | public volatile static Map<String, int[]> all = Map.of();
          dev.pagoda          | @SuppressWarnings("x") private static int counter;
          dev.pagoda          | @SuppressWarnings({"x", "y"}) static int[] counters = {1};
          dev.pagoda          | int field; static int counter;
          dev.pagoda          | class B {} static int counter;
          dev.pagoda.internal.kernel | System.exit(1);
          """)
  void plantedConstructIsReportedWithFileAndLine(String packageName, String line) {
    SourceFile planted =
        SourceFile.of(
            "Planted.java", "package " + packageName + ";\n\nclass A {\n  " + line + "\n}\n");

    assertThat(violations(List.of(planted)))
        .singleElement()
        .satisfies(violation -> assertThat(violation.path()).isEqualTo("Planted.java"))
        .satisfies(violation -> assertThat(violation.line()).isEqualTo(4));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          dev.pagoda.internal.kernel | String s = System.getProperty("x");
          dev.pagoda.internal.cuda   | MemorySegment view = MemorySegment.ofAddress(1);
          dev.pagoda                 | // System.exit(1);
          dev.pagoda.tier.file       | BlockFiles.fileBytes(owner);
          dev.pagoda.tier.file       | files.delete(path);
          dev.pagoda                 | String s = "System.exit(1)";
          dev.pagoda                 | long nanos = System.nanoTime();
          dev.pagoda                 | static final int LIMIT = 3;
          dev.pagoda                 | final static int LIMIT = 3;
          dev.pagoda                 | @SuppressWarnings("x") private static final int LIMIT = 3;
          dev.pagoda                 | @SuppressWarnings({"x"}) static final int LIMIT = 3;
          dev.pagoda                 | static int twice(int x) { int y = 2 * x; return y; }
          dev.pagoda                 | static <T> T same(T x) { return x; }
          dev.pagoda                 | static { int x = 1; }
          dev.pagoda                 | private static final class B { int x = 1; }
          dev.pagoda                 | static class B { int x = 1; }
          dev.pagoda                 | static abstract sealed class B permits C {}
          dev.pagoda                 | void a() throws java.io.IOException {} Throwable b;
          """)
  void lookalikeIsNotReported(String packageName, String line) {
    SourceFile clean =
        SourceFile.of(
            "Clean.java",
            "package " + packageName + ";\n\nimport static a.B.c;\n\nclass A {\n" + line + "\n}\n");

    assertThat(violations(List.of(clean))).isEmpty();
  }
}
