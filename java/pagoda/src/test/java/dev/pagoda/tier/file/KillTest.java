package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.tier.BlockPatterns;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that saves and writes blocks is killed, and what it leaves is opened by another one.
 * {@code dev.pagoda.test.kills} says how often; half of the kills come from outside at any moment,
 * half are the process's own at each of its calls in turn.
 */
class KillTest {
  private static final int NUM_KILLS = Integer.getInteger("dev.pagoda.test.kills", 6);

  @Test
  void whatAKilledProcessLeavesIsWholeOrMissing(@TempDir Path folder) throws Exception {
    long seed = Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
    SplittableRandom random = new SplittableRandom(seed);
    int blocks = 0;
    int saves = 0;
    for (int i = 0; i < NUM_KILLS; i++) {
      boolean halts = i % 2 == 0;
      List<String> done = runAndKill(folder, halts ? 1 + i / 2 : 0, random.nextInt(1, 120));
      String where = "kill=" + i + ", seed=" + seed + ", saves=" + done.size();
      blocks += judgeTier(folder.resolve("tier"), where);
      saves += judgeSave(folder.resolve("chat.kv"), done, where);
    }
    assertThat(blocks).as("blocks that survived").isPositive();
    assertThat(saves).as("saves that survived").isPositive();
  }

  @Test
  void aProcessThatIsKilledWhileItCopiesInPlaceOfRenamingIsFound(@TempDir Path folder)
      throws Exception {
    List<String> done = runAndKill(folder, KilledWriter.COPIES, 0);
    assertThat(done).as("saves before it was killed").hasSize(2);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> judgeTier(folder.resolve("tier"), "half a block is left"))
        .withMessageContaining("half a block is left");
  }

  /** Returns the lengths that the process said it had saved. */
  private static List<String> runAndKill(Path folder, int halt, int millis) throws Exception {
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                Stream.of(PagedKvCache.class, KillTest.class, Assertions.class)
                    .map(KillTest::codeSource)
                    .collect(Collectors.joining(File.pathSeparator)),
                KilledWriter.class.getName(),
                folder.toString(),
                Integer.toString(halt))
            .redirectError(folder.resolve("errors.txt").toFile())
            .redirectOutput(output.toFile())
            .start();
    try {
      if (halt == 0) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (Files.size(output) == 0 && process.isAlive() && System.nanoTime() < deadline) {
          Thread.sleep(5);
        }
        Thread.sleep(millis);
      } else {
        process.waitFor(60, TimeUnit.SECONDS);
      }
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor())
        .as(Files.readString(folder.resolve("errors.txt")))
        .isIn(9, 128 + 9);
    String text = Files.readString(output, StandardCharsets.UTF_8);
    return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
  }

  private static String codeSource(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (Exception unknown) {
      throw new AssertionError(unknown);
    }
  }

  private static int judgeTier(Path folder, String where) throws IOException {
    int loaded = 0;
    try (BlockPatterns cache = new BlockPatterns(1);
        DiskTier tier = KilledWriter.openTier(folder, new SystemFiles())) {
      assertThat(tier.statistics().bytes())
          .isLessThanOrEqualTo(KilledWriter.NUM_BLOCKS_ON_DISK * KilledWriter.fileBytes());
      for (long number = 1; number < 3_000; number++) {
        cache.storage().poison(0);
        if (tier.load(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {0}) == 1) {
          assertThat(cache.holds(0, number)).as(where).isTrue();
          loaded++;
        }
      }
      // A kill loses nothing that was renamed: only power does.
      assertThat(tier.statistics().numRefused()).as(where).isZero();
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.filter(file -> file.toString().endsWith(".part"))).as(where).isEmpty();
    }
    return loaded;
  }

  /** The save is the last one that was reported, or the one that was under way. */
  private static int judgeSave(Path file, List<String> done, String where) {
    try (ReadableCache memory = ReadableCache.open(KilledWriter.BLOCK_SIZE, 32);
        SequenceStore store =
            SequenceStore.open(memory.cache(), KilledWriter.MODEL, Capacity.blocks(2))) {
      try (KvSequence chat = store.restore(file).sequence()) {
        assertThat(memory.tokensOf(chat))
            .as(where)
            .containsExactly(ReadableCache.ascending(chat.length()));
        if (!done.isEmpty()) {
          int last = Integer.parseInt(done.getLast());
          assertThat(chat.length()).as(where).isIn(last, last == 99 ? 1 : last + 1);
        }
        return 1;
      } catch (UncheckedIOException missing) {
        assertThat(done).as(where).isEmpty();
        return 0;
      }
    }
  }
}
