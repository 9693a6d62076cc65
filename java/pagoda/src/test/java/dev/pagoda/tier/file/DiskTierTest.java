package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixBlocks;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.HostTier;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskTierTest {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final DiskTierSettings ROOMY = DiskTierSettings.ofBytes(1 << 20);

  @TempDir Path parent;

  private final BlockPatterns cache = new BlockPatterns(16);

  @AfterEach
  void close() {
    cache.close();
  }

  private Path folder() {
    return parent.resolve("tier");
  }

  private DiskTier open(DiskTierSettings settings) {
    return open(MODEL, settings);
  }

  private DiskTier open(ModelFingerprint model, DiskTierSettings settings) {
    return DiskTier.open(
        folder(),
        FileOwner.of(BlockPatterns.LAYOUT, model),
        settings,
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        new SystemFiles());
  }

  private void give(DiskTier tier, long... numbers) {
    int[] ids = IntStream.range(0, numbers.length).toArray();
    for (int id : ids) {
      cache.fill(id, numbers[id]);
    }
    tier.evicted(blocks(numbers), cache.storage(), ids);
    for (int id : ids) {
      cache.storage().poison(id);
    }
  }

  private static List<PrefixBlock> blocks(long... numbers) {
    return LongStream.of(numbers).mapToObj(BlockPatterns::block).toList();
  }

  private int load(DiskTier tier, long... numbers) {
    int[] ids = IntStream.range(8, 8 + numbers.length).toArray();
    int loaded = tier.load(blocks(numbers), cache.storage(), ids);
    for (int i = 0; i < loaded; i++) {
      assertThat(cache.holds(ids[i], numbers[i])).as("block %s", numbers[i]).isTrue();
    }
    return loaded;
  }

  private Path file(long number) {
    return folder().resolve(BlockPatterns.block(number).key() + ".kv");
  }

  @Test
  void whatWasGivenIsThereAfterARestart() throws IOException {
    try (DiskTier tier = open(ROOMY)) {
      give(tier, 1, 2, 3);
      assertThat(load(tier, 1, 2, 3)).isEqualTo(3);
      assertThat(load(tier, 1, 9, 3)).isEqualTo(1);
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder())))
        .isEqualTo("rwx------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file(1))))
        .isEqualTo("rw-------");

    try (DiskTier tier = open(ROOMY)) {
      assertThat(tier.statistics().numFound()).isEqualTo(3);
      assertThat(tier.contains(BlockPatterns.block(2))).isTrue();
      assertThat(tier.contains(BlockPatterns.block(9))).isFalse();
      assertThat(load(tier, 1, 2, 3)).isEqualTo(3);
      assertThat(tier.statistics().bytes()).isEqualTo(3 * Files.size(file(1)));
    }
  }

  @Test
  void itsFilesNeverTakeMoreThanTheyMay() throws IOException {
    long fileBytes;
    try (DiskTier tier = open(ROOMY)) {
      give(tier, 1);
      fileBytes = Files.size(file(1));
    }
    try (DiskTier tier = open(DiskTierSettings.ofBytes(3 * fileBytes + 5))) {
      give(tier, 2, 3);
      assertThat(load(tier, 1)).isEqualTo(1);
      give(tier, 4);
      assertThat(Files.exists(file(3))).as("used longest ago").isFalse();
      assertThat(load(tier, 1)).isEqualTo(1);
      assertThat(load(tier, 4)).isEqualTo(1);
      assertThat(tier.statistics().numBlocks()).isEqualTo(3);
      assertThat(tier.statistics().numEvicted()).isEqualTo(1);
      assertThat(tier.statistics().bytes()).isLessThanOrEqualTo(3 * fileBytes + 5);
    }
    Files.setLastModifiedTime(file(4), FileTime.fromMillis(1_000));
    try (DiskTier tier = open(DiskTierSettings.ofBytes(2 * fileBytes))) {
      assertThat(tier.statistics().numBlocks()).isEqualTo(2);
      assertThat(Files.exists(file(4))).as("written longest ago").isFalse();
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(DiskTierSettings.ofBytes(fileBytes - 1)))
        .withMessageContaining("fileBytes=" + fileBytes);
  }

  @Test
  void whatIsNotSoundIsAMissAndGone() throws IOException {
    byte[] sound;
    try (DiskTier tier = open(ROOMY)) {
      give(tier, 1, 2, 3, 4, 5, 6, 7);
      sound = Files.readAllBytes(file(1));
      byte[] other = Files.readAllBytes(file(2));

      Files.write(file(1), other); // another block's file
      byte[] damaged = Files.readAllBytes(file(3));
      damaged[damaged.length - 1] ^= 1;
      Files.write(file(3), damaged);
      Files.write(file(4), Arrays.copyOf(sound, sound.length - 1));
      Files.write(file(5), HeaderSurgery.withInt(Files.readAllBytes(file(5)), 8, 2));
      Files.write(file(6), new byte[sound.length]);
      Files.delete(file(7));
      for (long number : new long[] {1, 3, 4, 5, 6, 7}) {
        assertThat(load(tier, number)).as("block %s", number).isZero();
        assertThat(Files.exists(file(number))).as("file %s", number).isFalse();
        assertThat(tier.contains(BlockPatterns.block(number))).isFalse();
      }
      assertThat(load(tier, 2)).isEqualTo(1);
      assertThat(tier.statistics().numRefused()).isEqualTo(5);
      assertThat(tier.statistics().numReadFailures()).isEqualTo(1);
      assertThat(tier.statistics().bytes()).isEqualTo(sound.length);
      give(tier, 1);
      assertThat(load(tier, 1)).isEqualTo(1);
    }
    Files.write(file(8), new byte[3]);
    Path part = folder().resolve(BlockPatterns.block(8).key() + ".17.part");
    Files.write(part, new byte[3]);
    Files.write(folder().resolve("a.part"), new byte[3]);
    Files.write(folder().resolve("notes.txt"), new byte[3]);
    try (DiskTier tier = open(ROOMY)) {
      assertThat(tier.statistics().numRefused()).isEqualTo(1);
      assertThat(tier.statistics().numFound()).isEqualTo(2);
    }
    assertThat(Files.exists(file(8))).isFalse();
    assertThat(Files.exists(part)).isFalse();
    assertThat(Files.exists(folder().resolve("a.part"))).as("not ours").isTrue();
    assertThat(Files.exists(folder().resolve("notes.txt"))).as("not ours").isTrue();
    try (DiskTier tier = open(ModelFingerprint.ofDescription("model", "2"), ROOMY)) {
      assertThat(load(tier, 1)).as("another model's").isZero();
      assertThat(Files.exists(file(1))).isFalse();
    }
  }

  @Test
  void aFileOfAnotherBlockIsAMiss() {
    FileBugs.anothersBlock(UnaryOperator.identity());
  }

  @Test
  void equalKeysWithOtherTokensAreAMiss() {
    try (DiskTier tier = open(ROOMY)) {
      give(tier, 1);
      PrefixBlock impostor = PrefixBlocks.impostor(BlockPatterns.block(1));
      assertThat(tier.load(List.of(impostor), cache.storage(), new int[] {0})).isZero();
    }
  }

  @Test
  void onlyWhatIsOfferedTwiceIsWritten() {
    try (DiskTier tier = open(ROOMY.seenTwice())) {
      give(tier, 1, 2);
      assertThat(tier.statistics().numWritten()).isZero();
      give(tier, 2, 3);
      assertThat(load(tier, 2)).isEqualTo(1);
      assertThat(load(tier, 1)).isZero();
      assertThat(tier.statistics().numNotSeenTwice()).isEqualTo(3);
    }
  }

  @Test
  void whatBecomesShareableIsWrittenOnlyIfAsked() {
    cache.fill(0, 1);
    try (DiskTier tier = open(ROOMY)) {
      tier.stored(blocks(1), cache.storage(), new int[] {0});
      assertThat(tier.statistics().numWritten()).isZero();
    }
    try (DiskTier tier = open(ROOMY.early().force())) {
      tier.stored(blocks(1), cache.storage(), new int[] {0});
      assertThat(load(tier, 1)).isEqualTo(1);
    }
  }

  @Test
  void aFolderIsOneTiersAlone() throws IOException {
    try (DiskTier _ = open(ROOMY)) {
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> open(ROOMY))
          .havingCause()
          .withMessageContaining("in use");
    }
    Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwxr-x---"));
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> open(ROOMY))
        .havingCause()
        .withMessageContaining("rwxr-x---");
    Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwx------"));
    open(ROOMY).close();

    Path real = Files.move(folder(), parent.resolve("real"));
    Files.createSymbolicLink(folder(), real);
    assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> open(ROOMY));
    Files.delete(folder());
    Files.createDirectory(
        folder(),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Files.write(folder().resolve("letters.txt"), new byte[1]);
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> open(ROOMY))
        .havingCause()
        .withMessageContaining("other files");
  }

  @Test
  void anotherUsersFolderIsRefused() throws IOException {
    open(ROOMY).close();
    try {
      Files.setAttribute(folder(), "unix:uid", 12345);
    } catch (IOException notRoot) {
      org.junit.jupiter.api.Assumptions.abort("only root can give a folder away: " + notRoot);
    }
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> open(ROOMY))
        .havingCause()
        .withMessageContaining("another user's");
  }

  @Test
  void anotherThreadWritesAndTheTierWaitsForItWhenItCloses() {
    Deque<Runnable> queue = new ArrayDeque<>();
    DiskTier tier = open(ROOMY.writtenBy(queue::add));
    give(tier, 1);
    give(tier, 1);
    assertThat(queue).hasSize(1);
    assertThat(load(tier, 1)).as("not there yet").isZero();
    give(tier, 2);
    assertThat(tier.statistics().numSkipped()).as("no staging block is left").isEqualTo(1);
    Thread writer = Thread.ofPlatform().unstarted(queue.pop());
    writer.start();
    tier.close();
    try (DiskTier again = open(ROOMY)) {
      assertThat(load(again, 1)).isEqualTo(1);
    }
  }

  @Test
  void aWriterThatRejectsCostsABlock() {
    try (DiskTier tier =
        open(
            ROOMY.writtenBy(task -> {
              throw new RejectedExecutionException("planted");
            }))) {
      give(tier, 1);
      assertThat(load(tier, 1)).isZero();
      assertThat(tier.statistics().bytes()).isZero();
    }
  }

  @Test
  void aTaskThatWasQueuedAndRefusedAtOnceWritesNothingLater() {
    // As a pool of threads does that cannot start one for what it has just queued.
    Deque<Runnable> queue = new ArrayDeque<>();
    DiskTierSettings settings =
        ROOMY.writtenBy(task -> {
          queue.add(task);
          throw new OutOfMemoryError("planted");
        });
    try (DiskTier tier = open(settings)) {
      assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> give(tier, 1));
      queue.forEach(Runnable::run);
      assertThat(tier.contains(BlockPatterns.block(1))).isFalse();
      assertThat(tier.statistics().numWritten()).isZero();
      assertThat(tier.statistics().numSkipped()).isEqualTo(1);
      assertThat(tier.statistics().bytes()).isZero();
    }
  }

  @Test
  void blocksComeBackFromTheDiskBelowTheHost() {
    try (DiskTier disk = open(ROOMY);
        HostTier host = HostTier.over(HostStorage.allocate(BlockPatterns.LAYOUT, 2), disk)) {
      int[] ids = {0, 1, 2, 3, 4};
      for (int id : ids) {
        cache.fill(id, id);
      }
      host.evicted(blocks(0, 1, 2, 3, 4), cache.storage(), ids);
      assertThat(disk.statistics().numBlocks()).isEqualTo(3);
      int[] others = {8, 9, 10, 11, 12};
      assertThat(host.load(blocks(0, 1, 2, 3, 4), cache.storage(), others)).isEqualTo(5);
      for (int id : ids) {
        assertThat(cache.holds(8 + id, id)).isTrue();
      }
    }
  }

  @Test
  void clearingRemovesTheFiles() {
    try (DiskTier tier = open(ROOMY)) {
      give(tier, 1, 2);
      tier.clear();
      assertThat(load(tier, 1)).isZero();
      assertThat(tier.statistics().bytes()).isZero();
      assertThat(Files.exists(file(1))).isFalse();
    }
    DiskTier again = open(ROOMY);
    assertThat(again.statistics().numFound()).isZero();
    again.close();
    assertThatIllegalStateException().isThrownBy(again::close);
    assertThatIllegalStateException().isThrownBy(() -> give(again, 1));
  }
}
