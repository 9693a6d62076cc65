package dev.pagoda.heap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.PagedKvCache;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.objectweb.asm.ClassReader;

/**
 * The heap is full at one allocation of the library after the other, those that it has the JDK make
 * included: once, and from there on. The call that meets it has changed nothing, leaks nothing and
 * succeeds when it is tried again, and attention is the same to the bit.
 *
 * <p>{@code dev.pagoda.test.heap.faults} says how often each place in the code fails at most, of
 * all the times that it is passed.
 */
class OutOfMemoryTest {
  private static final int FAULTS_EACH = Integer.getInteger("dev.pagoda.test.heap.faults", 1);
  private static final int MINUTES_MAX = FAULTS_EACH > 1 ? 60 : 4;

  private record Ended(int exitCode, String output) {}

  private static Ended run(Path folder, HeapStory story, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"));
    command.addAll(List.of(options));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-cp");
    command.add(
        Stream.of(PagedKvCache.class, OutOfMemoryTest.class, Assertions.class, ClassReader.class)
            .map(OutOfMemoryTest::codeSource)
            .collect(Collectors.joining(File.pathSeparator)));
    command.addAll(
        List.of(HeapFaultRun.class.getName(), story.name(), Integer.toString(FAULTS_EACH)));
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      boolean ended = process.waitFor(MINUTES_MAX, TimeUnit.MINUTES);
      assertThat(ended).as("it ends, so far: %s", Files.readString(output)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(output));
  }

  private static String codeSource(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (Exception unknown) {
      throw new AssertionError(unknown);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whateverAllocationFailsNothingHasChanged(
      HeapStory story, @TempDir Path folder, TestReporter reporter) throws Exception {
    Ended ended = run(folder, story);
    assertThat(ended.exitCode).as(ended.output).isZero();
    reporter.publishEntry("runs", ended.output.strip());
  }

  @Test
  void aCallThatForgetsWhatItTookIsFound(@TempDir Path folder) throws Exception {
    Ended ended = run(folder, HeapStory.PROMISES, "-Ddev.pagoda.test.heap.planted=true");
    assertThat(ended.exitCode).as(ended.output).isEqualTo(1);
    assertThat(ended.output).contains("promised blocks=0} to {promised blocks=1");
  }
}
