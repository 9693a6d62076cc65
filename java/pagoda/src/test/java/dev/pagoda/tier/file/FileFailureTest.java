package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.file.MemoryFiles.Manner;
import dev.pagoda.tier.file.MemoryFiles.Planted;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every call to the file system fails in turn. What was to be saved or restored is as before or as
 * after, blocks are right or missing, and no file, block or sequence is left open.
 */
@Tag("any-backend")
class FileFailureTest {
  private static final Path FOLDER = Path.of("/memory/store");
  private static final Path FILE = FOLDER.resolve("chat.kv");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final int BLOCK_SIZE = 4;

  /** Runs a scenario with its n-th call failing, for all n; returns how many there were. */
  private interface Scenario {
    void run(MemoryFiles files, int failing);
  }

  private static int atEveryCall(Manner manner, Scenario scenario) {
    for (int failing = 1; ; failing++) {
      MemoryFiles files = new MemoryFiles();
      files.failAt(failing, manner);
      scenario.run(files, failing);
      if (!files.hasFailed()) {
        return failing - 1;
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aSaveIsThereOrNot(Manner manner) {
    int sites =
        atEveryCall(
            manner,
            (files, failing) -> {
              try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 16);
                  SequenceStore store =
                      SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
                files.repair();
                KvSequence chat = memory.counting(6);
                store.save(chat, ReadableCache.ascending(6), FILE);
                memory.append(chat, 7, 8, 9, 10, 11, 12, 13);
                int used = memory.numUsed();
                files.failAt(failing, manner);
                boolean saved = false;
                try {
                  store.save(chat, ReadableCache.ascending(13), FILE);
                  saved = true;
                } catch (UncheckedIOException refused) {
                  assertThat(refused).hasRootCauseInstanceOf(Planted.class);
                }
                boolean hasFailed = files.hasFailed();
                files.repair();

                assertThat(files.numOpen()).as("open files, call %s", failing).isZero();
                assertThat(memory.numUsed()).isEqualTo(used);
                assertThat(memory.cache().statistics().numSequences()).isEqualTo(1);
                int length = requireWhole(store, memory);
                assertThat(length).isIn(saved ? List.of(13) : List.of(6, 13));
                assertThat(saved).as("call %s of %s", failing, manner).isNotEqualTo(hasFailed);
                if (manner != Manner.FROM_THEN_ON) {
                  assertThat(files.paths()).as("no part is left").containsExactly(FILE);
                }
                store.save(chat, FILE);
                assertThat(requireWhole(store, memory)).isEqualTo(13);
                files.failAt(failing, manner); // for the loop to see whether there was a call
                if (!hasFailed) {
                  files.repair();
                } else {
                  burn(files);
                }
              }
            });
    assertThat(sites).as("calls that failed").isGreaterThan(7);
  }

  /** Makes a failure that has been seen count as one. */
  private static void burn(MemoryFiles files) {
    files.failAt(0, Manner.BEFORE);
  }

  private static int requireWhole(SequenceStore store, ReadableCache memory) {
    RestoredGroup restored = store.restore(FILE);
    try (KvSequence again = restored.sequence()) {
      assertThat(memory.tokensOf(again)).containsExactly(ReadableCache.ascending(again.length()));
      return again.length();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRestoreIsThereOrNot(Manner manner) {
    int sites =
        atEveryCall(
            manner,
            (files, failing) -> {
              try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 16);
                  SequenceStore store =
                      SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
                files.repair();
                KvSequence chat = memory.counting(13);
                store.save(List.of(chat, chat), List.of(new int[0], new int[0]), FILE);
                chat.close();
                files.failAt(failing, manner);
                try {
                  RestoredGroup restored = store.restore(FILE);
                  assertThat(memory.numUsed()).isEqualTo(4);
                  restored.sequences().forEach(KvSequence::close);
                } catch (UncheckedIOException refused) {
                  assertThat(refused).hasRootCauseInstanceOf(Planted.class);
                }
                boolean hasFailed = files.hasFailed();
                files.repair();
                assertThat(files.numOpen()).as("open files").isZero();
                assertThat(memory.numUsed()).isZero();
                assertThat(memory.cache().statistics().numSequences()).isZero();
                RestoredGroup again = store.restore(FILE);
                assertThat(memory.tokensOf(again.sequences().get(1)))
                    .containsExactly(ReadableCache.ascending(13));
                if (hasFailed) {
                  burn(files);
                }
              }
            });
    assertThat(sites).as("calls that failed").isGreaterThan(5);
  }

  @ParameterizedTest
  @EnumSource
  void theDiskTierServesRightBlocksOrNone(Manner manner) {
    long fileBytes = fileBytes();
    int sites =
        atEveryCall(
            manner,
            (files, failing) -> {
              DiskTierSettings settings = DiskTierSettings.ofBytes(3 * fileBytes).force();
              try (BlockPatterns cache = new BlockPatterns(8)) {
                List<Long> given = new ArrayList<>();
                for (int round = 0; round < 3; round++) {
                  try (DiskTier tier = open(files, settings)) {
                    use(tier, cache, given, round);
                    assertThat(tier.statistics().bytes()).isLessThanOrEqualTo(3 * fileBytes);
                  } catch (UncheckedIOException refused) {
                    assertThat(refused).hasRootCauseInstanceOf(Planted.class);
                  }
                  assertThat(files.numOpen()).as("open files, call %s", failing).isZero();
                }
                boolean hasFailed = files.hasFailed();
                files.repair();
                try (DiskTier tier = open(files, settings)) {
                  use(tier, cache, given, 3);
                  assertThat(
                          tier.load(
                              List.of(BlockPatterns.block(31)), cache.storage(), new int[] {1}))
                      .as("it works again")
                      .isEqualTo(1);
                  assertThat(files.paths().size()).isLessThanOrEqualTo(3);
                }
                if (hasFailed) {
                  burn(files);
                }
              }
            });
    assertThat(sites).as("calls that failed").isGreaterThan(50);
  }

  private static long fileBytes() {
    FileOwner owner = FileOwner.of(BlockPatterns.LAYOUT, MODEL);
    return GroupIndex.ofBlock(new int[BlockPatterns.BLOCK_SIZE])
        .header(owner, FileHeader.Kind.BLOCK, Digest.NONE)
        .fileBytes();
  }

  private static DiskTier open(MemoryFiles files, DiskTierSettings settings) {
    return DiskTier.open(
        FOLDER,
        FileOwner.of(BlockPatterns.LAYOUT, MODEL),
        settings,
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        files);
  }

  private static void use(DiskTier tier, BlockPatterns cache, List<Long> given, int round) {
    for (long number = 10L * round; number < 10L * round + 2; number++) {
      for (int tries = 0; tries < 4; tries++) { // the tier passes some over after a failure
        cache.fill(0, number);
        tier.evicted(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {0});
      }
      given.add(number);
    }
    for (long number : given) {
      cache.storage().poison(1);
      int loaded = tier.load(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {1});
      if (loaded == 1) {
        assertThat(cache.holds(1, number)).as("block %s", number).isTrue();
      }
    }
  }

  @Test
  void aFullDiskIsAskedLessAndLessAndThenAgain() {
    MemoryFiles files = new MemoryFiles();
    DiskTierSettings settings = DiskTierSettings.ofBytes(1 << 20);
    try (BlockPatterns cache = new BlockPatterns(8);
        DiskTier tier = open(files, settings)) {
      files.failAt(1, Manner.FROM_THEN_ON);
      for (int i = 0; i < 100; i++) {
        tier.evicted(List.of(BlockPatterns.block(i)), cache.storage(), new int[] {0});
      }
      assertThat(tier.statistics().numWriteFailures()).isBetween(5L, 8L);
      assertThat(tier.statistics().numSkipped()).isGreaterThan(90);
      assertThat(tier.statistics().numBlocks()).isZero();
      files.repair();
      for (int i = 0; i < 200; i++) {
        tier.evicted(List.of(BlockPatterns.block(i)), cache.storage(), new int[] {0});
      }
      assertThat(tier.statistics().numWritten()).isGreaterThan(50);
      long bytesThere = files.paths().stream().mapToLong(path -> files.bytes(path).length).sum();
      assertThat(tier.statistics().bytes()).as("what was left is gone").isEqualTo(bytesThere);
    }
  }
}
