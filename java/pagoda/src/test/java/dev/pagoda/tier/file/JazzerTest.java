package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.PagedKvCache;
import dev.pagoda.tier.file.DecoderFuzz.Decoder;
import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Jazzer, in a JVM of its own, makes inputs for each decoder for {@code
 * dev.pagoda.test.fuzzSeconds} seconds; {@code scripts/fuzz.sh} does the same for hours and keeps
 * what it finds.
 */
@Tag("fuzz")
class JazzerTest {
  private static final int SECONDS = Integer.getInteger("dev.pagoda.test.fuzzSeconds", 2);
  private static final int FOUND_NOTHING = 0;
  private static final int FOUND_SOMETHING = 77;

  /** Until the planted bug is found; it takes a few seconds. */
  private static final int PATIENCE_SECONDS = 120;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void nothingIsFound(Decoder decoder) throws Exception {
    assertThat(fuzz(decoder, "sound", SECONDS)).as(this::output).isEqualTo(FOUND_NOTHING);
    assertThat(output()).containsPattern("Done [1-9][0-9]* runs");
  }

  @ParameterizedTest
  @EnumSource
  void thePlantedBugIsFound(Decoder decoder) throws Exception {
    assertThat(fuzz(decoder, "planted", PATIENCE_SECONDS))
        .as(this::output)
        .isEqualTo(FOUND_SOMETHING);
    assertThat(output()).contains("AssertionError");
  }

  private int fuzz(Decoder decoder, String manner, int seconds) throws Exception {
    Path corpus = folder.resolve("corpus");
    FuzzCorpus.write(decoder, corpus);
    String jazzer = "com.code_intelligence.jazzer.";
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                // Half of the time of a short run is the start.
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:+EnableDynamicAgentLoading",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath(jazzer + "Jazzer", jazzer + "api.Jazzer"),
                jazzer + "Jazzer",
                "--target_class=" + DecoderFuzz.class.getName(),
                "--target_args=" + decoder + " " + manner,
                "--instrumentation_includes=dev.pagoda.tier.file.**:dev.pagoda.prefix.**",
                "--custom_hook_includes=dev.pagoda.**",
                // Bytes as they are: the mutator of typed arguments would frame them.
                "--mutator_framework=false",
                "--reproducer_path=" + folder,
                "-artifact_prefix=" + folder + "/",
                "-max_len=4096",
                "-max_total_time=" + seconds,
                corpus.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("output.txt").toFile())
            .start();
    try {
      assertThat(process.waitFor(seconds + 60L, TimeUnit.SECONDS)).as(this::output).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return process.exitValue();
  }

  private String output() {
    try {
      return Files.readString(folder.resolve("output.txt"));
    } catch (IOException unread) {
      return unread.toString();
    }
  }

  private static String classPath(String... jazzer) throws Exception {
    Stream<String> ours =
        Stream.of(PagedKvCache.class, JazzerTest.class, Assertions.class)
            .map(JazzerTest::codeSource);
    List<String> its = new ArrayList<>();
    for (String type : jazzer) {
      URL url = ClassLoader.getSystemResource(type.replace('.', '/') + ".class");
      assertThat(url).as("Jazzer is a dependency of the tests: %s", type).isNotNull();
      its.add(
          Path.of(((JarURLConnection) url.openConnection()).getJarFileURL().toURI()).toString());
    }
    return Stream.concat(ours, its.stream()).collect(Collectors.joining(File.pathSeparator));
  }

  private static String codeSource(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (URISyntaxException unknown) {
      throw new AssertionError(unknown);
    }
  }
}
