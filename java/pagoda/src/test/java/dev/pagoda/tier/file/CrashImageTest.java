package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.BlockPatterns;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * The power goes at every moment of a story: what a disk may then hold, unforced writes dropped,
 * torn and reordered, is opened again. {@code dev.pagoda.test.crashImages} says how many disks.
 */
class CrashImageTest {
  private static final int NUM_IMAGES = Integer.getInteger("dev.pagoda.test.crashImages", 20_000);
  private static final Path FOLDER = Path.of("/memory/store");
  private static final Path FILE = FOLDER.resolve("chat.kv");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final int BLOCK_SIZE = 4;

  /** Looks at one disk. */
  private interface Judge {
    void judge(MemoryFiles disk, int cut, RandomGenerator random);
  }

  /** Every cut point in turn, again and again, each time with another fate of what was unforced. */
  private static void forImages(MemoryFiles story, int numImages, String name, Judge judge) {
    long seed = Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
    int numCuts = story.numChanges() + 1;
    assertThat(numCuts).as("moments at which the power may go").isGreaterThan(10);
    for (int i = 0; i < numImages; i++) {
      int cut = i % numCuts;
      // Neighbouring seeds give streams that are shifted by one: mixed first.
      RandomGenerator random = Seeds.generator(new SplittableRandom(seed + i).nextLong(), name);
      MemoryFiles disk = story.crashed(cut, random);
      try {
        judge.judge(disk, cut, random);
        assertThat(disk.numOpen()).isZero();
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(
            name + ": image=" + i + ", cut=" + cut + ", dev.pagoda.test.seed=" + seed, failure);
      }
    }
  }

  @Test
  void aSavedSequenceIsTheOldOneOrTheNewOne() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 16)) {
      MemoryFiles story = new MemoryFiles();
      int[] lengthAfter = save(memory, story);
      judgeSaves(memory, story, lengthAfter, NUM_IMAGES / 2);
    }
  }

  /** Saves a chat again and again: how long it was after so many changes to the files. */
  private static int[] save(ReadableCache memory, MemoryFiles story) {
    int[] lengthAfter = new int[64];
    try (SequenceStore store =
        SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), story)) {
      KvSequence chat = memory.counting(5);
      store.save(chat, FILE);
      story.recordFromHere();
      for (int length : new int[] {9, 14, 3}) {
        resize(memory, chat, length);
        store.save(chat, ReadableCache.ascending(length), FILE);
        lengthAfter[story.numChanges()] = length;
      }
      chat.close();
    }
    return lengthAfter;
  }

  private static void resize(ReadableCache memory, KvSequence chat, int length) {
    if (length < chat.length()) {
      chat.truncate(length);
    } else {
      memory.append(chat, IntStream.rangeClosed(chat.length() + 1, length).toArray());
    }
  }

  private static void judgeSaves(
      ReadableCache memory, MemoryFiles story, int[] lengthAfter, int numImages) {
    Set<Integer> seen = new HashSet<>();
    forImages(
        story,
        numImages,
        "saves",
        (disk, cut, random) -> {
          int before = 5;
          int next = 0;
          for (int at = 0; at < lengthAfter.length; at++) {
            if (lengthAfter[at] != 0 && at <= cut) {
              before = lengthAfter[at];
            } else if (lengthAfter[at] != 0 && next == 0) {
              next = lengthAfter[at];
            }
          }
          try (SequenceStore store =
                  SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), disk);
              KvSequence chat = store.restore(FILE).sequence()) {
            assertThat(chat.length()).isIn(before, next);
            assertThat(memory.tokensOf(chat))
                .containsExactly(ReadableCache.ascending(chat.length()));
            seen.add(chat.length());
          }
        });
    assertThat(seen).as("every save was seen").containsExactlyInAnyOrder(5, 9, 14, 3);
  }

  @Test
  void aFirstSaveIsThereOrNot() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 16)) {
      MemoryFiles story = new MemoryFiles();
      story.recordFromHere();
      try (SequenceStore store =
          SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), story)) {
        KvSequence chat = memory.counting(14);
        store.save(chat, FILE);
        chat.close();
      }
      boolean[] seen = new boolean[2];
      forImages(
          story,
          NUM_IMAGES / 20,
          "first save",
          (disk, cut, random) -> {
            try (SequenceStore store =
                SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), disk)) {
              try (KvSequence chat = store.restore(FILE).sequence()) {
                assertThat(memory.tokensOf(chat)).containsExactly(ReadableCache.ascending(14));
                seen[1] = true;
              } catch (UncheckedIOException missing) {
                assertThat(missing).hasCauseInstanceOf(NoSuchFileException.class);
                assertThat(cut).as("a save that returned is there").isLessThan(story.numChanges());
                seen[0] = true;
              }
            }
          });
      assertThat(seen).as("there and not there were both seen").containsExactly(true, true);
    }
  }

  private static DiskTier open(MemoryFiles files, DiskTierSettings settings) {
    return DiskTier.open(
        FOLDER,
        FileOwner.of(BlockPatterns.LAYOUT, MODEL),
        settings,
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        files);
  }

  /** Blocks come and go in a tier that is always full. */
  private static MemoryFiles tierStory(DiskTierSettings settings, BlockPatterns cache) {
    MemoryFiles story = new MemoryFiles();
    try (DiskTier tier = open(story, settings)) {
      give(tier, cache, 0);
      give(tier, cache, 1);
      story.recordFromHere();
      for (int number = 2; number < 7; number++) {
        give(tier, cache, number);
        if (number % 2 == 0) {
          load(tier, cache, 1);
        }
      }
      give(tier, cache, 0);
    }
    return story;
  }

  private static void give(DiskTier tier, BlockPatterns cache, long number) {
    cache.fill(0, number);
    tier.evicted(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {0});
  }

  /** Whether the tier has a block; what it says it loaded must be right. */
  private static boolean load(DiskTier tier, BlockPatterns cache, long number) {
    cache.storage().poison(1);
    if (tier.load(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {1}) == 0) {
      return false;
    }
    assertThat(cache.holds(1, number)).as("block %s", number).isTrue();
    return true;
  }

  private static void judgeTier(DiskTierSettings settings, int numImages, String name) {
    long[] outcomes = new long[3];
    try (BlockPatterns cache = new BlockPatterns(2)) {
      MemoryFiles story = tierStory(settings, cache);
      forImages(
          story,
          numImages,
          name,
          (disk, cut, random) -> {
            try (DiskTier tier = open(disk, settings)) {
              long bytes = tier.statistics().bytes();
              assertThat(bytes).isLessThanOrEqualTo(settings.bytesMax());
              for (int number = 0; number < 7; number++) {
                boolean claimed = tier.contains(BlockPatterns.block(number));
                boolean loaded = load(tier, cache, number);
                outcomes[loaded ? 0 : claimed ? 1 : 2]++;
                assertThat(tier.contains(BlockPatterns.block(number)))
                    .as("what could not be loaded is claimed no more")
                    .isEqualTo(loaded);
              }
              give(tier, cache, 50);
              assertThat(load(tier, cache, 50)).as("it goes on").isTrue();
            }
          });
    }
    assertThat(outcomes[0]).as("blocks that survived").isPositive();
    assertThat(outcomes[2]).as("blocks that were gone").isPositive();
    if (!settings.forced()) {
      assertThat(outcomes[1]).as("blocks that were found damaged").isPositive();
    }
  }

  private static DiskTierSettings full() {
    long fileBytes =
        GroupIndex.ofBlock(new int[BlockPatterns.BLOCK_SIZE])
            .header(FileOwner.of(BlockPatterns.LAYOUT, MODEL), FileHeader.Kind.BLOCK, Digest.NONE)
            .fileBytes();
    return DiskTierSettings.ofBytes(3 * fileBytes);
  }

  @Test
  void theDiskTierServesRightBlocksOrNone() {
    judgeTier(full(), NUM_IMAGES / 4, "tier, not forced");
    judgeTier(full().force(), NUM_IMAGES / 4, "tier, forced");
  }

  // The detectors are armed: files that are not forced, or not written aside, are found.

  @Test
  void aSaveThatIsNotForcedIsFound() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 16)) {
      MemoryFiles story = new MemoryFiles();
      story.forgetForces();
      int[] lengthAfter = save(memory, story);
      assertThat(failureOf(() -> judgeSaves(memory, story, lengthAfter, 500))).isNotEqualTo("none");
    }
  }

  private static String failureOf(Runnable call) {
    try {
      call.run();
    } catch (AssertionError found) {
      return found.getMessage();
    }
    return "none";
  }

  @Test
  void aTierThatBelievesItsChecksumlessFilesIsFound() {
    try (BlockPatterns cache = new BlockPatterns(2)) {
      MemoryFiles story = tierStory(full(), cache);
      int[] wrong = new int[1];
      forImages(
          story,
          3_000,
          "no checksums",
          (disk, cut, random) -> {
            for (Path path : disk.paths()) {
              byte[] bytes = disk.bytes(path);
              if (bytes.length >= 320 && bytes[0] == 'P') {
                // What a reader without checksums would see: the sums made right again.
                disk.put(path, HeaderSurgery.resealedWhole(bytes));
              }
            }
            try (DiskTier tier = open(disk, full())) {
              for (int number = 0; number < 7; number++) {
                int n = number;
                wrong[0] += failureOf(() -> load(tier, cache, n)).equals("none") ? 0 : 1;
              }
            }
          });
      assertThat(wrong[0]).as("wrong blocks served without checksums").isPositive();
    }
  }
}
