package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.BlockPatterns;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/**
 * Files with flipped bits, and files that a forger has sealed: each is refused, or a miss. {@code
 * dev.pagoda.test.bitFlips} says how many.
 */
class BitFlipTest {
  private static final int NUM_FLIPS = Integer.getInteger("dev.pagoda.test.bitFlips", 100_000);
  private static final long SEED =
      Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
  private static final Path FOLDER = Path.of("/memory/store");
  private static final Path FILE = FOLDER.resolve("chat.kv");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");

  private final RandomGenerator random = Seeds.generator(SEED, "bit flips");
  private final MemoryFiles files = new MemoryFiles();

  /** Flips one bit, a few, or the bits of a stretch, as broken memory and broken disks do. */
  private byte[] flipped(byte[] sound) {
    byte[] bytes = sound.clone();
    do {
      switch (random.nextInt(4)) {
        case 0, 1 -> flip(bytes, random.nextInt(8 * bytes.length));
        case 2 -> {
          for (int i = random.nextInt(2, 6); i > 0; i--) {
            flip(bytes, random.nextInt(8 * bytes.length));
          }
        }
        default -> {
          int from = random.nextInt(bytes.length);
          int to = Math.min(bytes.length, from + random.nextInt(1, 64));
          for (int i = from; i < to; i++) {
            bytes[i] = (byte) random.nextInt();
          }
        }
      }
    } while (Arrays.equals(bytes, sound));
    return bytes;
  }

  private static void flip(byte[] bytes, int bit) {
    bytes[bit / 8] ^= (byte) (1 << (bit % 8));
  }

  private static byte[] savedGroup(ReadableCache memory, MemoryFiles files) {
    try (SequenceStore store =
        SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
      ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);
      memory.commit(group.appendTo(memory.cache().newStep()), 100, 101, 102);
      store.save(
          group.sequences(),
          List.of(new int[0], new int[] {1, 2, 3, 4, 5, 6, 101}, new int[0]),
          FILE);
      group.sequences().forEach(KvSequence::close);
    }
    return files.bytes(FILE);
  }

  @Test
  void everyFlipInASavedGroupIsRefused() {
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store =
            SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
      byte[] sound = savedGroup(memory, files);
      int numRefused = 0;
      for (int i = 0; i < NUM_FLIPS / 2; i++) {
        files.put(FILE, flipped(sound));
        files.takeLargestRead();
        try {
          store.restore(FILE);
          throw new AssertionError("a flip was not seen: flip=" + i + ", seed=" + SEED);
        } catch (RefusedFileException refused) {
          assertThat(refused.reason()).isNotNull();
          numRefused++;
        }
        assertThat(files.takeLargestRead()).isLessThanOrEqualTo(sound.length);
      }
      assertThat(memory.numUsed()).isZero();
      assertThat(memory.cache().statistics().numSequences()).isZero();
      assertThat(files.numOpen()).isZero();
      assertThat(numRefused).isEqualTo(NUM_FLIPS / 2);
    }
  }

  @Test
  void everyFlipInABlockOnDiskIsAMiss() {
    requireMisses(NUM_FLIPS / 2, UnaryOperator.identity());
  }

  /** What a reader makes of a flipped file is a miss, and the file is gone. */
  static void requireMisses(int numFlips, UnaryOperator<byte[]> reader) {
    new BitFlipTest().requireEachMissed(numFlips, reader);
  }

  private void requireEachMissed(int numFlips, UnaryOperator<byte[]> reader) {
    DiskTierSettings settings = DiskTierSettings.ofBytes(1 << 20);
    FileOwner owner = FileOwner.of(BlockPatterns.LAYOUT, MODEL);
    HostStorage staging = HostStorage.allocate(BlockPatterns.LAYOUT, 2);
    try (BlockPatterns cache = new BlockPatterns(2);
        DiskTier tier = DiskTier.open(FOLDER, owner, settings, staging, files)) {
      PrefixBlock block = BlockPatterns.block(1);
      Path path = FOLDER.resolve(block.key() + ".kv");
      cache.fill(0, 1);
      tier.evicted(List.of(block), cache.storage(), new int[] {0});
      byte[] sound = files.bytes(path);
      for (int i = 0; i < numFlips; i++) {
        files.put(path, reader.apply(flipped(sound)));
        int loaded = tier.load(List.of(block), cache.storage(), new int[] {1});
        if (loaded == 1) {
          assertThat(cache.holds(1, 1)).as("block that was served, seed %s", SEED).isTrue();
        }
        assertThat(loaded).as("flip %s, seed %s", i, SEED).isZero();
        assertThat(files.paths()).as("it is removed").isEmpty();
        tier.evicted(List.of(block), cache.storage(), new int[] {0});
      }
      assertThat(tier.statistics().numRefused()).isEqualTo(numFlips);
      assertThat(tier.load(List.of(block), cache.storage(), new int[] {1})).isEqualTo(1);
      assertThat(cache.holds(1, 1)).isTrue();
    }
  }

  @Test
  void aCountBeyondTheFileIsRefusedBeforeAnythingIsAllocatedForIt() {
    FileBugs.hugeCount(false);
  }

  /** Random numbers under checksums that are right: nothing but a refusal may come of them. */
  @Test
  void numbersOfAForgerAreRefusedBeforeAnythingIsAllocatedForThem() {
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store =
            SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
      byte[] sound = savedGroup(memory, files);
      int[] wild = {0, 1, -1, 2, 7, 255, 1 << 16, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 30};
      int restored = 0;
      for (int i = 0; i < NUM_FLIPS / 5; i++) {
        byte[] bytes = sound.clone();
        ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int n = random.nextInt(1, 4); n > 0; n--) {
          int value =
              random.nextBoolean() ? wild[random.nextInt(wild.length)] : random.nextInt(-2, 20);
          int at = random.nextBoolean() ? random.nextInt(8, 56) : random.nextInt(256, 384);
          b.putInt(at & ~3, value);
        }
        HeaderSurgery.resealed(bytes, (int) FileFields.indexBytes(sound));
        files.put(FILE, bytes);
        try {
          // A forger may well write a sound file of other sequences.
          store.restore(FILE).sequences().forEach(KvSequence::close);
          restored++;
        } catch (RefusedFileException | OutOfBlocksException refused) {
          assertThat(refused).hasMessageContaining("=");
        }
        assertThat(files.takeLargestRead()).isLessThanOrEqualTo(sound.length);
        assertThat(memory.numUsed()).as("seed %s", SEED).isZero();
      }
      memory.cache().checkConservation();
      assertThat(restored).isLessThan(NUM_FLIPS / 10);
    }
  }

  /** What a file says of itself. */
  private static final class FileFields {
    private FileFields() {}

    static long indexBytes(byte[] file) {
      return FileHeader.decode(
              FILE, ByteBuffer.wrap(file, 0, FileHeader.BYTES).slice(), file.length)
          .indexBytes();
    }
  }

  @Test
  void aSumThatIsNotComparedIsFound() {
    // The detector is armed: sums made right after the flip let wrong elements through.
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store =
            SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
      KvSequence chat = memory.counting(8);
      store.save(chat, FILE);
      chat.close();
      byte[] bytes = files.bytes(FILE);
      flip(bytes, 8 * (int) (bytes.length - memory.cache().layout().blockBytes()) + 6);
      files.put(FILE, HeaderSurgery.resealedWhole(bytes));
      try (KvSequence wrong = store.restore(FILE).sequence()) {
        Throwable seen = null;
        try {
          assertThat(memory.tokensOf(wrong)).containsExactly(ReadableCache.ascending(8));
        } catch (AssertionError found) {
          seen = found;
        }
        assertThat(seen).isNotNull();
      }
    }
  }
}
