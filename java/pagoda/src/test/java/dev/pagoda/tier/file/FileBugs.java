package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.HistoricalBug;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.PrefixStories.Faults;
import dev.pagoda.story.Stories;
import dev.pagoda.tier.BlockPatterns;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;

/** Bugs that other systems' files and disk tiers had. */
public final class FileBugs {
  private static final Path FOLDER = Path.of("/memory/store");
  private static final Path FILE = FOLDER.resolve("chat.kv");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final String GITHUB = "https://github.com/";

  private FileBugs() {}

  public static List<HistoricalBug> all() {
    return List.of(
        new HistoricalBug(
            "vllm#54363",
            GITHUB + "vllm-project/vllm/issues/54363",
            "a file of the right length with wrong bytes is served",
            "what is read from disk is right or a miss",
            "BitFlipTest.everyFlipInABlockOnDiskIsAMiss",
            "block that was served",
            () -> BitFlipTest.requireMisses(2_000, UnaryOperator.identity()),
            () -> BitFlipTest.requireMisses(2_000, HeaderSurgery::resealedWhole)),
        new HistoricalBug(
            "LMCache#4385",
            GITHUB + "LMCache/LMCache/issues/4385",
            "a disk tier returns another request's keys and values",
            "key and token ids are compared with what the file says of itself",
            "DiskTierTest.aFileOfAnotherBlockIsAMiss",
            "block 1",
            () -> anothersBlock(UnaryOperator.identity()),
            () -> anothersBlock(FileBugs::namedAsAsked)),
        new HistoricalBug(
            "CVE-2026-43629",
            "https://www.cve.org/CVERecord?id=CVE-2026-43629",
            "a count in a saved state is believed, and memory is overrun",
            "numbers add up to the file's true length before anything is allocated",
            "BitFlipTest.aCountBeyondTheFileIsRefusedBeforeAnythingIsAllocatedForIt",
            "bytes read at once",
            () -> hugeCount(false),
            () -> hugeCount(true)),
        new HistoricalBug(
            "vllm#49176",
            GITHUB + "vllm-project/vllm/issues/49176",
            "a load fails and its verdict stays: the same hit fails again and again",
            "what could not be loaded is claimed no more",
            "WholeModelTest.everythingTogetherAgreesWithTheReference",
            "block on disk=",
            () -> Stories.requireNo("", 4, Faults.NONE),
            () -> Stories.requireNo("block on disk=", 100, PrefixStories.DISK_KEEPS_ITS_VERDICTS)));
  }

  private static DiskTier tier(MemoryFiles files) {
    return DiskTier.open(
        FOLDER,
        FileOwner.of(BlockPatterns.LAYOUT, MODEL),
        DiskTierSettings.ofBytes(1 << 20),
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        files);
  }

  private static Path path(PrefixBlock block) {
    return FOLDER.resolve(block.key() + ".kv");
  }

  private static void give(DiskTier tier, BlockPatterns cache, long number) {
    cache.fill(0, number);
    tier.evicted(List.of(BlockPatterns.block(number)), cache.storage(), new int[] {0});
  }

  private static void requireRightOrMissing(DiskTier tier, BlockPatterns cache, long number) {
    List<PrefixBlock> wanted = List.of(BlockPatterns.block(number));
    if (tier.load(wanted, cache.storage(), new int[] {1}) == 1) {
      assertThat(cache.holds(1, number)).as("block %s", number).isTrue();
    }
  }

  /** The planted reader finds in every file the key and the tokens that it looks for. */
  static void anothersBlock(UnaryOperator<byte[]> reader) {
    MemoryFiles files = new MemoryFiles();
    try (BlockPatterns cache = new BlockPatterns(2);
        DiskTier tier = tier(files)) {
      give(tier, cache, 1);
      give(tier, cache, 2);
      byte[] other = files.bytes(path(BlockPatterns.block(2)));
      files.put(path(BlockPatterns.block(1)), reader.apply(other));
      requireRightOrMissing(tier, cache, 1);
    }
  }

  private static byte[] namedAsAsked(byte[] other) {
    byte[] bytes = other.clone();
    PrefixBlock asked = BlockPatterns.block(1);
    System.arraycopy(asked.key().toBytes(), 0, bytes, 120, Digest.BYTES);
    ByteBuffer ids = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(256 + 12);
    for (int id : asked.tokenIds()) {
      ids.putInt(id);
    }
    return HeaderSurgery.resealedWhole(bytes);
  }

  /** The planted reader believes the header about the file's length. */
  static void hugeCount(boolean believes) {
    MemoryFiles files = new MemoryFiles();
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store =
            SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files)) {
      KvSequence chat = memory.counting(8);
      store.save(chat, FILE);
      byte[] bytes = files.bytes(FILE);
      int numTokenIds = 1 << 20;
      long indexBytes = 64L * Math.ceilDiv(4 * (2 + 2 + numTokenIds), 64);
      long fileBytes = 256 + indexBytes + 2 * memory.cache().layout().blockBytes();
      bytes = HeaderSurgery.withLong(bytes, 24, fileBytes);
      bytes = HeaderSurgery.withInt(bytes, 52, numTokenIds);
      files.put(FILE, bytes);
      files.claimSize(believes ? fileBytes : bytes.length);
      files.takeLargestRead();
      try {
        store.restore(FILE);
        throw new AssertionError("it was restored");
      } catch (RefusedFileException refused) {
        assertThat(files.takeLargestRead())
            .as("bytes read at once")
            .isLessThanOrEqualTo(bytes.length);
      }
    }
  }
}
