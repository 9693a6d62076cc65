package dev.pagoda;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.SourceFile.Violation;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What may import what. A new edge is a design decision: change the table in the same commit. */
class DependencyRulesTest {

  private static final String FFM = "java.lang.foreign";
  private static final String ABI = "dev.pagoda.internal.cuda.abi";
  private static final String VECTOR = "jdk.incubator.vector";

  /** For each package of ours, the packages of ours and the guarded ones of the JDK it may name. */
  private static final Map<String, Set<String>> ALLOWED =
      Map.ofEntries(
          entry("dev.pagoda.layout", Set.of()),
          entry("dev.pagoda.block", Set.of("dev.pagoda.layout")),
          entry("dev.pagoda.memory", Set.of("dev.pagoda.layout", FFM)),
          entry(
              "dev.pagoda.internal.kernel", Set.of("dev.pagoda.layout", "dev.pagoda.memory", FFM)),
          entry(
              "dev.pagoda.internal.scalar",
              Set.of("dev.pagoda.internal.kernel", "dev.pagoda.layout", "dev.pagoda.memory", FFM)),
          entry(
              "dev.pagoda.internal.simd",
              Set.of(
                  "dev.pagoda.internal.kernel",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory",
                  FFM,
                  VECTOR)),
          entry(
              "dev.pagoda.internal.cuda",
              Set.of(
                  ABI,
                  "dev.pagoda.internal.kernel",
                  "dev.pagoda.cuda",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory",
                  FFM)),
          entry(ABI, Set.of(FFM)),
          // Segments of the host, which a caller's device memory is filled from and read into.
          entry("dev.pagoda.cuda", Set.of("dev.pagoda.layout", "dev.pagoda.memory", FFM)),
          entry(
              "dev.pagoda.decoding", Set.of("dev.pagoda", "dev.pagoda.block", "dev.pagoda.layout")),
          entry(
              "dev.pagoda.prefix",
              Set.of(
                  "dev.pagoda",
                  "dev.pagoda.block",
                  "dev.pagoda.internal.event",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory")),
          entry(
              "dev.pagoda.pressure",
              Set.of(
                  "dev.pagoda",
                  "dev.pagoda.block",
                  "dev.pagoda.internal.event",
                  "dev.pagoda.tier")),
          entry("dev.pagoda.internal.event", Set.of()),
          entry("dev.pagoda.internal.move", Set.of("dev.pagoda.block", "dev.pagoda.memory")),
          entry(
              "dev.pagoda.tier",
              Set.of(
                  "dev.pagoda",
                  "dev.pagoda.block",
                  "dev.pagoda.internal.event",
                  "dev.pagoda.internal.move",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory",
                  "dev.pagoda.prefix")),
          entry(
              "dev.pagoda.tier.file",
              Set.of(
                  "dev.pagoda",
                  "dev.pagoda.block",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory",
                  "dev.pagoda.prefix",
                  "dev.pagoda.tier",
                  FFM)),
          entry(
              "dev.pagoda",
              Set.of(
                  "dev.pagoda.block",
                  "dev.pagoda.cuda",
                  "dev.pagoda.internal.cuda",
                  "dev.pagoda.internal.event",
                  "dev.pagoda.internal.kernel",
                  "dev.pagoda.internal.move",
                  "dev.pagoda.internal.scalar",
                  "dev.pagoda.internal.simd",
                  "dev.pagoda.layout",
                  "dev.pagoda.memory",
                  FFM)));

  /** A guarded package and, as jextract begins its types in lower case, possibly one of those. */
  private static final Pattern MENTION =
      Pattern.compile(
          "(?<![\\w.])(?:dev\\.pagoda|java\\.lang\\.foreign|jdk\\.incubator)(?:\\.[a-z]\\w*)*\\b");

  static List<Violation> violations(List<SourceFile> sources) {
    List<Violation> violations = new ArrayList<>();
    for (SourceFile source : sources) {
      String importer = source.packageName();
      if (importer.isEmpty()) {
        continue;
      }
      Matcher mention = MENTION.matcher(source.code());
      while (mention.find()) {
        String target = mention.group().startsWith(ABI + ".") ? ABI : mention.group();
        if (!ALLOWED.containsKey(importer)) {
          violations.add(source.violation(mention.start(), importer + " is not in the table"));
        } else if (!target.equals(importer) && !ALLOWED.get(importer).contains(target)) {
          violations.add(source.violation(mention.start(), importer + " must not know " + target));
        }
      }
    }
    return violations;
  }

  @Test
  void everyMentionOfAGuardedPackageIsAnEdgeOfTheTable() {
    assertThat(
            violations(SourceFile.below(Path.of("src/main/java"), Path.of("src/generated/java"))))
        .isEmpty();
  }

  @Test
  void theTableHasNoCycle() {
    for (String start : ALLOWED.keySet()) {
      assertThat(reachableFrom(start)).as("packages reached from %s", start).doesNotContain(start);
    }
  }

  private static Set<String> reachableFrom(String start) {
    Set<String> reached = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(ALLOWED.get(start));
    while (!open.isEmpty()) {
      String next = open.pop();
      if (reached.add(next)) {
        open.addAll(ALLOWED.getOrDefault(next, Set.of()));
      }
    }
    return reached;
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          dev.pagoda.layout            | import java.lang.foreign.MemorySegment;
          dev.pagoda.layout            | import java.lang.foreign.*;
          dev.pagoda.layout            | import dev.pagoda.block.BlockPool;
          dev.pagoda.block             | import java.lang.foreign.ValueLayout;
          dev.pagoda.block             | import dev.pagoda.memory.KvStorage;
          dev.pagoda.block             | import static dev.pagoda.internal.kernel.Kernels.name;
          dev.pagoda.memory            | import dev.pagoda.block.BlockPool;
          dev.pagoda.memory            | import dev.pagoda.cuda.DevicePointer;
          dev.pagoda.internal.kernel   | import dev.pagoda.block.BlockTable;
          dev.pagoda.internal.kernel   | import dev.pagoda.internal.scalar.ScalarKernels;
          dev.pagoda.internal.kernel   | import dev.pagoda.PagedKvCache;
          dev.pagoda.internal.scalar   | import jdk.incubator.vector.FloatVector;
          dev.pagoda.internal.scalar   | class A { jdk.incubator.vector.FloatVector v; }
          dev.pagoda.internal.simd     | import dev.pagoda.internal.scalar.ScalarKernels;
          dev.pagoda.internal.simd     | import dev.pagoda.internal.cuda.CudaKernels;
          dev.pagoda.internal.cuda     | import dev.pagoda.block.BlockPool;
          dev.pagoda.internal.cuda.abi | import dev.pagoda.layout.DType;
          dev.pagoda.cuda              | import dev.pagoda.internal.cuda.CudaKernels;
          dev.pagoda.decoding          | import dev.pagoda.internal.kernel.Kernels;
          dev.pagoda.tier              | import jdk.incubator.vector.VectorSpecies;
          dev.pagoda                   | import dev.pagoda.internal.cuda.abi.pagoda_h;
          dev.pagoda                   | import dev.pagoda.decoding.BeamSearch;
          dev.pagoda                   | class A { dev.pagoda.internal.cuda.abi.pagoda_h h; }
          dev.pagoda                   | class A { dev.pagoda.internal.cuda.abi. pagoda_h h; }
          dev.pagoda.internal.event    | import dev.pagoda.PagedKvCache;
          dev.pagoda.pressure          | import dev.pagoda.internal.kernel.Kernels;
          dev.pagoda.prefix            | import dev.pagoda.tier.SwapSpace;
          dev.pagoda.prefix            | import dev.pagoda.internal.kernel.Kernels;
          dev.pagoda                   | import dev.pagoda.prefix.PrefixCache;
          dev.pagoda.report            | import dev.pagoda.layout.DType;
          """)
  void plantedEdgeIsReportedWithFileAndLine(String importer, String line) {
    SourceFile planted =
        SourceFile.of("Planted.java", "/* two\nlines */ package " + importer + ";\n\n" + line);

    assertThat(violations(List.of(planted)))
        .isNotEmpty()
        .allSatisfy(violation -> assertThat(violation.path()).isEqualTo("Planted.java"))
        .last()
        .satisfies(violation -> assertThat(violation.line()).isEqualTo(4))
        .satisfies(violation -> assertThat(violation.text()).isEqualTo(line));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          dev.pagoda.block           | import dev.pagoda.layout.KvShape;
          dev.pagoda.block           | import dev.pagoda.block.BlockPool;
          dev.pagoda.internal.simd   | import jdk.incubator.vector.FloatVector;
          dev.pagoda.internal.cuda   | import dev.pagoda.internal.cuda.abi.pagoda_h;
          dev.pagoda.layout          | // import java.lang.foreign.MemorySegment;
          dev.pagoda.layout          | /* see dev.pagoda.block */
          dev.pagoda.layout          | class A { String s = "\\"dev.pagoda.block"; char c = '"'; }
          dev.pagoda.layout          | class A { String s = "/*"; String t = "dev.pagoda.block"; }
          dev.pagoda.layout          | import com.dev.pagoda.block.Other;
          """)
  void allowedEdgeAndProseAreNotReported(String importer, String line) {
    SourceFile clean = SourceFile.of("Clean.java", "package " + importer + ";\n" + line + "\n");

    assertThat(violations(List.of(clean))).isEmpty();
  }
}
