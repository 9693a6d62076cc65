package dev.pagoda.tier.file;

import static dev.pagoda.tier.file.FuzzedFile.require;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.testing.AllocationMeter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Swapped groups: any file in place of a group's is refused and the group stays, or comes back with
 * the blocks that {@link PlainFile} reads. Tables and lengths are the process's own: the index of
 * such a file is never read.
 */
final class SwapFileTarget implements FuzzTarget {
  private static final Path FOLDER = Path.of("/memory/swap");
  private static final int LENGTH = 6;

  private final ReadableCache memory = ReadableCache.open(4, 4);
  private final MemoryFiles files = new MemoryFiles();
  private final UnaryOperator<byte[]> reader;
  private SwapFolder folder = open();
  private FiledGroup group = swapOut();

  /**
   * A target.
   *
   * @param reader what it makes of a file before it reads it: nothing, unless a bug is planted
   */
  SwapFileTarget(UnaryOperator<byte[]> reader) {
    this.reader = reader;
  }

  /** The first group's file, whosever it is. */
  static byte[] anybodys(byte[] file) {
    boolean isSealed =
        file.length >= FileHeader.BYTES && Arrays.equals(HeaderSurgery.sealed(file.clone()), file);
    if (!isSealed) {
      return file;
    }
    byte[] renamed = FuzzedFile.with(file, b -> b.put(120, new byte[Digest.BYTES]));
    return HeaderSurgery.sealed(renamed);
  }

  private SwapFolder open() {
    return SwapFolder.open(FOLDER, memory.cache(), Capacity.blocks(1), files);
  }

  private FiledGroup swapOut() {
    return folder.swapOut(List.of(memory.counting(LENGTH)));
  }

  @Override
  public void check(byte[] input) {
    byte[] file = FuzzedFile.of(input);
    FileOwner owner =
        FileOwner.of(memory.cache().layout(), ModelFingerprint.ofDescription("swapped sequences"));
    Optional<PlainFile> sound =
        PlainFile.readWithoutIndex(file, owner)
            .filter(plain ->
                plain.kind() == 1
                    && Arrays.equals(plain.key(), group.file().name().bytes())
                    && plain.blocks().length == group.numBlocks());
    files.put(group.file().path(), reader.apply(file));
    files.takeLargestRead();
    long before = AllocationMeter.allocatedBytes();
    boolean isBack = false;
    try {
      folder.swapIn(group);
      isBack = true;
    } catch (RefusedFileException refused) {
      require(sound.isEmpty(), "a sound file was refused: " + refused.getMessage());
    }
    long allocatedBytes = AllocationMeter.allocatedBytes() - before;
    long largestRead = files.takeLargestRead();
    require(!isBack || sound.isPresent(), "a file that is not the group's was taken for it");
    require(folder.numGroups() == (isBack ? 0 : 1), "numGroups=" + folder.numGroups());
    require(files.numOpen() == 1, "files are left open: numOpen=" + files.numOpen());
    if (isBack) {
      KvSequence sequence = group.sequences().getFirst();
      requireContent(sound.orElseThrow(), sequence);
      sequence.close();
      require(files.paths().isEmpty(), "files=" + files.paths());
      // The next group is to have the first one's name again, which inputs know.
      folder.close();
      folder = open();
      group = swapOut();
    }
    require(memory.numUsed() == 0, "blocks are left: numUsed=" + memory.numUsed());
    FuzzedFile.requireModest(largestRead, allocatedBytes, file);
  }

  private void requireContent(PlainFile sound, KvSequence sequence) {
    require(sequence.length() == LENGTH, "length=" + sequence.length());
    int[] blockIds = sequence.blockIds();
    for (int i = 0; i < blockIds.length; i++) {
      require(
          Arrays.equals(
              memory.blockBytes(blockIds[i]),
              FuzzedFile.inCache(sound, i, memory.cache().layout())),
          "content of block " + i);
    }
  }

  @Override
  public List<byte[]> seeds() {
    byte[] ours = files.bytes(group.file().path());
    byte[] turned = HeaderSurgery.withInt(ours, 20, ours[20] == 1 ? 2 : 1);
    return List.of(
        FuzzedFile.seed(ours, false), FuzzedFile.seed(ours, true), FuzzedFile.seed(turned, true));
  }

  @Override
  public void close() {
    folder.discard(group);
    folder.close();
    memory.close();
  }
}
