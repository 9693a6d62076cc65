package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders, links and names that nobody expects where files are, on the machine's file system. */
class AwkwardFilesTest {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final int NUM_TRIES = 200; // the tier passes offers over after a failure

  @TempDir Path parent;

  private final BlockPatterns cache = new BlockPatterns(2);

  @AfterEach
  void close() {
    cache.close();
  }

  /** What stands where a file should. */
  enum Obstacle {
    FOLDER,
    FULL_FOLDER,
    LINK_TO_A_FILE,
    LINK_TO_A_FOLDER,
    LINK_TO_NOTHING;

    /** Puts it there; what it links to is called {@code outside}. */
    void put(Path place, Path outside) throws IOException {
      switch (this) {
        case FOLDER -> Files.createDirectory(place);
        case FULL_FOLDER -> Files.createDirectories(place.resolve("inside"));
        case LINK_TO_A_FILE -> {
          Files.write(outside, new byte[] {7});
          Files.createSymbolicLink(place, outside);
        }
        case LINK_TO_A_FOLDER -> {
          Files.createDirectories(outside.resolve("inside"));
          Files.createSymbolicLink(place, outside);
        }
        case LINK_TO_NOTHING -> Files.createSymbolicLink(place, outside);
      }
    }

    /** Whatever was done, the outside is as it was. */
    void requireUntouched(Path outside) {
      switch (this) {
        case LINK_TO_A_FILE -> assertThat(outside).hasBinaryContent(new byte[] {7});
        case LINK_TO_A_FOLDER -> assertThat(outside.resolve("inside")).isDirectory();
        case FOLDER, FULL_FOLDER, LINK_TO_NOTHING -> assertThat(outside).doesNotExist();
      }
    }
  }

  private Path folder() {
    return parent.resolve("tier");
  }

  private Path outside() {
    return parent.resolve("outside");
  }

  private Path file(long number) {
    return folder().resolve(BlockPatterns.block(number).key() + ".kv");
  }

  private DiskTier open() {
    return DiskTier.open(
        folder(),
        FileOwner.of(BlockPatterns.LAYOUT, MODEL),
        DiskTierSettings.ofBytes(1 << 20),
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        new SystemFiles());
  }

  /** Offers a block until the tier has it, or long enough. */
  private void give(DiskTier tier, long number) {
    for (int i = 0; i < NUM_TRIES && !tier.contains(BlockPatterns.block(number)); i++) {
      cache.fill(0, number);
      tier.evicted(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {0});
    }
  }

  private boolean load(DiskTier tier, long number) {
    cache.storage().poison(1);
    int numLoaded = tier.load(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {1});
    if (numLoaded == 1) {
      assertThat(cache.holds(1, number)).as("block %s", number).isTrue();
    }
    return numLoaded == 1;
  }

  private void requireWorks(DiskTier tier, long number) {
    give(tier, number);
    assertThat(load(tier, number)).as("block %s", number).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void whatHasABlocksNameWhenTheTierIsOpenedIsNoBlock(Obstacle obstacle) throws IOException {
    open().close();
    obstacle.put(file(1), outside());
    try (DiskTier tier = open()) {
      assertThat(tier.statistics().numFound()).isZero();
      assertThat(load(tier, 1)).isFalse();
      give(tier, 1);
      assertThat(load(tier, 1)).isEqualTo(obstacle != Obstacle.FULL_FOLDER);
      requireWorks(tier, 2);
      obstacle.requireUntouched(outside());
    }
    try (DiskTier tier = open()) {
      assertThat(load(tier, 2)).as("there again after a restart").isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatTakesABlocksPlaceIsAMissOnceAndClaimedNoMore(Obstacle obstacle) throws IOException {
    try (DiskTier tier = open()) {
      give(tier, 1);
      Files.delete(file(1));
      obstacle.put(file(1), outside());
      assertThat(load(tier, 1)).isFalse();
      assertThat(tier.contains(BlockPatterns.block(1))).as("claimed").isFalse();
      assertThat(tier.statistics().numRefused()).isEqualTo(1);
      give(tier, 1);
      assertThat(load(tier, 1)).isEqualTo(obstacle != Obstacle.FULL_FOLDER);
      requireWorks(tier, 2);
      obstacle.requireUntouched(outside());
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatHasAPartsNameCostsAWriteAtMost(Obstacle obstacle) throws IOException {
    open().close();
    obstacle.put(folder().resolve(BlockPatterns.block(1).key() + ".0.part"), outside());
    try (DiskTier tier = open()) {
      give(tier, 1);
      assertThat(tier.statistics().numWriteFailures()).isEqualTo(1);
      requireWorks(tier, 2);
      obstacle.requireUntouched(outside());
    }
  }

  @Test
  void aFolderThatIsRemovedCostsItsBlocksAndNoMore() throws IOException {
    try (DiskTier tier = open()) {
      requireWorks(tier, 1);
      give(tier, 2);
      try (Stream<Path> paths = Files.list(folder())) {
        paths.map(Path::toFile).forEach(File::delete);
      }
      Files.delete(folder());
      assertThat(load(tier, 1)).isFalse();
      assertThat(tier.contains(BlockPatterns.block(1))).isFalse();
      give(tier, 3);
      assertThat(load(tier, 3)).isFalse();
      assertThat(tier.statistics().numWriteFailures()).isPositive();
      tier.clear();
      assertThat(tier.statistics().bytes()).isZero();
    }
    try (DiskTier tier = open()) {
      requireWorks(tier, 1);
    }
  }

  // Saved sequences.

  private void requireSaved(Path path) throws IOException {
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store = SequenceStore.open(memory.cache(), MODEL);
        KvSequence chat = memory.counting(6)) {
      store.save(chat, path);
      try (KvSequence again = store.restore(path).sequence()) {
        assertThat(memory.tokensOf(again)).containsExactly(ReadableCache.ascending(6));
      }
    }
    requireNoPart();
  }

  private void requireNoPart() throws IOException {
    try (Stream<Path> paths = Files.walk(parent)) {
      assertThat(paths.filter(path -> path.toString().endsWith(".part"))).isEmpty();
    }
  }

  /** Up to the 255 bytes that a name may have. */
  @ParameterizedTest
  @ValueSource(strings = {"a", "\u00e9", "\u5854", "\ud83d\uddfc"})
  void aSequenceIsSavedUnderAnyNameThatAFileMayHave(String letter) throws IOException {
    try {
      var _ = Path.of(letter);
    } catch (InvalidPathException ascii) {
      Assumptions.abort("this JVM's names are of another character set: " + ascii.getMessage());
    }
    int numBytes = letter.getBytes(StandardCharsets.UTF_8).length;
    for (String prefix : List.of("", "x")) {
      String name = prefix + letter.repeat((255 - prefix.length()) / numBytes);
      requireSaved(parent.resolve(name));
    }
  }

  @Test
  void aNameThatNoFileMayHaveIsRefusedWithThePath() throws IOException {
    Path path = parent.resolve("a".repeat(256));
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> requireSaved(path))
        .withMessageContaining("path=" + path);
    requireNoPart();
  }

  @ParameterizedTest
  @EnumSource
  void aSaveReplacesWhatIsNoFullFolderAndFollowsNoLink(Obstacle obstacle) throws IOException {
    Path path = parent.resolve("chat.kv");
    obstacle.put(path, outside());
    try {
      requireSaved(path);
      assertThat(obstacle).isNotIn(Obstacle.FOLDER, Obstacle.FULL_FOLDER);
    } catch (UncheckedIOException refused) {
      assertThat(obstacle).isIn(Obstacle.FOLDER, Obstacle.FULL_FOLDER);
      assertThat(refused).hasMessageContaining("path=" + path);
    }
    obstacle.requireUntouched(outside());
    requireNoPart();
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNoFileIsNotRestored(Obstacle obstacle) throws IOException {
    Path path = parent.resolve("chat.kv");
    obstacle.put(path, outside());
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store = SequenceStore.open(memory.cache(), MODEL)) {
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> store.restore(path))
          .withMessageContaining("path=" + path)
          .havingCause()
          .withMessageContaining("not a regular file");
      assertThat(memory.numUsed()).isZero();
    }
    obstacle.requireUntouched(outside());
  }
}
