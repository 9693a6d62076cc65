package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixBlocks;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import dev.pagoda.tier.file.MemoryFiles.Manner;
import dev.pagoda.tier.file.MemoryFiles.Planted;
import dev.pagoda.tier.file.RefusedFileException.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockFilesTest {
  private static final int LENGTH_OFFSET = 24;
  private static final int NUM_SEQUENCES_OFFSET = 44;
  private static final int NUM_TOKEN_IDS_OFFSET = 52;

  private static final Path FOLDER = Path.of("/memory/tier");
  private static final Path PART = FOLDER.resolve("a.part");
  private static final Path PATH = FOLDER.resolve("a.kv");
  private static final FileOwner OWNER =
      FileOwner.of(BlockPatterns.LAYOUT, ModelFingerprint.ofDescription("model", "1"));
  private static final PrefixBlock ONE = BlockPatterns.block(1);

  private final MemoryFiles files = new MemoryFiles();
  private final BlockPatterns cache = new BlockPatterns(2);
  private final HostStorage memory = HostStorage.allocate(BlockPatterns.LAYOUT, 2);
  private final List<BlockStaging> areas = BlockStaging.single(memory);
  private final BlockStaging staging = areas.getFirst();
  private final BlockFiles blocks = new BlockFiles(files, OWNER, Durability.WRITTEN);

  @AfterEach
  void close() {
    assertThat(files.numOpen()).as("open files").isZero();
    areas.forEach(BlockStaging::close);
    memory.close();
    cache.close();
  }

  private void write(BlockFiles some, long number) throws IOException {
    cache.fill(0, number);
    StagedBlocks.out(cache.storage(), new int[] {0}, 0, staging, 1);
    some.write(PART, PATH, BlockPatterns.block(number), staging);
  }

  private byte[] written() throws IOException {
    write(blocks, 1);
    return files.bytes(PATH);
  }

  private void read(PrefixBlock block) throws IOException {
    cache.storage().poison(1);
    blocks.read(PATH, block, staging, cache.storage(), 1);
  }

  /** A file that is refused, and leaves the storage as it was. */
  private void requireRefused(PrefixBlock block, String message) {
    cache.fill(1, 77);
    assertThatExceptionOfType(RefusedFileException.class)
        .isThrownBy(() -> blocks.read(PATH, block, staging, cache.storage(), 1))
        .withMessageContaining(message)
        .satisfies(refused -> assertThat(refused.reason()).isEqualTo(Reason.DAMAGED));
    assertThat(cache.holds(1, 77)).as("the storage is untouched").isTrue();
  }

  @Test
  void aBlockComesBackFromAFileOfTheLengthThatEachOneHas() throws IOException {
    assertThat(written()).hasSize((int) BlockFiles.fileBytes(OWNER));
    assertThat(files.paths()).containsExactly(PATH);
    read(ONE);
    assertThat(cache.holds(1, 1)).isTrue();
  }

  @Test
  void aFileIsAnAnswerForItsOwnKeyAndTokensOnly() throws IOException {
    write(blocks, 1);
    requireRefused(BlockPatterns.block(2), "another block's");
    requireRefused(PrefixBlocks.impostor(ONE), "other tokens");
  }

  @Test
  void onlyOneSequenceOfOneBlockIsABlock() throws IOException {
    // One sequence more fits into the padding, so that the length stays as it is.
    byte[] two = HeaderSurgery.withInt(written(), NUM_SEQUENCES_OFFSET, 2);
    files.put(PATH, HeaderSurgery.sealedAsDeclared(two));
    requireRefused(ONE, "holds one");
  }

  @Test
  void nothingIsReadForAnIndexThatNoBlockHas() throws IOException {
    int numTokenIds = 1 << 18;
    byte[] sound = written();
    long indexBytes = 64L * Math.ceilDiv(4 * (2 + 1 + numTokenIds), 64);
    byte[] huge =
        Arrays.copyOf(
            sound, (int) (FileHeader.BYTES + indexBytes + BlockPatterns.LAYOUT.blockBytes()));
    huge = HeaderSurgery.withLong(huge, LENGTH_OFFSET, huge.length);
    huge = HeaderSurgery.withInt(huge, NUM_TOKEN_IDS_OFFSET, numTokenIds);
    files.put(PATH, HeaderSurgery.sealedAsDeclared(huge));
    files.takeLargestRead();

    requireRefused(ONE, "fileBytes=" + huge.length);

    assertThat(files.takeLargestRead()).as("bytes read at once").isEqualTo(FileHeader.BYTES);
  }

  @Test
  void aWrongByteAtTheVeryEndIsSeenBeforeTheStorageIsWritten() throws IOException {
    byte[] damaged = written();
    damaged[damaged.length - 1] ^= 1;
    files.put(PATH, damaged);
    requireRefused(ONE, "payload's checksum");
  }

  @ParameterizedTest
  @EnumSource
  void filesAreForcedIfAskedAndOnlyThen(Durability durability) throws IOException {
    boolean[] forced = new boolean[2];
    files.atNext("force", () -> forced[0] = !files.paths().contains(PATH));
    files.atNext("forceFolder", () -> forced[1] = files.paths().contains(PATH));
    write(new BlockFiles(files, OWNER, durability), 1);
    boolean isForced = durability == Durability.FORCED;
    assertThat(forced)
        .as("the file before it has its name, the folder after")
        .containsExactly(isForced, isForced);
  }

  @Test
  void aWriteThatFailsLeavesTheOldFileAndNoPart() throws IOException {
    byte[] old = written();
    int numFailed = 0;
    for (int failing = 1; failing < 50; failing++) {
      files.failAt(failing, Manner.BEFORE);
      try {
        write(blocks, 2);
      } catch (Planted _) {
        numFailed++;
        assertThat(files.bytes(PATH)).as("call %s", failing).isEqualTo(old);
        assertThat(files.paths()).as("call %s", failing).containsExactly(PATH);
      }
      files.repair();
      if (files.paths().contains(PATH) && !Arrays.equals(files.bytes(PATH), old)) {
        break;
      }
    }
    assertThat(numFailed).as("calls that failed").isGreaterThan(4);
  }
}
