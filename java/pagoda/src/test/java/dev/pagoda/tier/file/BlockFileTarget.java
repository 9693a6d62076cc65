package dev.pagoda.tier.file;

import static dev.pagoda.tier.file.FuzzedFile.require;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.testing.AllocationMeter;
import dev.pagoda.tier.BlockPatterns;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Blocks on disk: any file in place of a block's is a miss and gone, or the block that was asked
 * for, as {@link PlainFile} reads it.
 */
final class BlockFileTarget implements FuzzTarget {
  private static final Path FOLDER = Path.of("/memory/store");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final FileOwner OWNER = FileOwner.of(BlockPatterns.LAYOUT, MODEL);

  private final MemoryFiles files = new MemoryFiles();
  private final BlockPatterns cache = new BlockPatterns(2);
  private final DiskTier tier =
      DiskTier.open(
          FOLDER,
          OWNER,
          DiskTierSettings.ofBytes(1 << 20),
          HostStorage.allocate(BlockPatterns.LAYOUT, 2),
          files);
  private final PrefixBlock block = BlockPatterns.block(1);
  private final Path path = FOLDER.resolve(block.key() + ".kv");
  private final UnaryOperator<byte[]> reader;

  /**
   * A target.
   *
   * @param reader what it makes of a file before it reads it: nothing, unless a bug is planted
   */
  BlockFileTarget(UnaryOperator<byte[]> reader) {
    this.reader = reader;
  }

  /** Versions and flags that are not known are ignored. */
  static byte[] ignoringVersions(byte[] file) {
    boolean isOurs =
        file.length >= FileHeader.BYTES
            && Arrays.equals(HeaderSurgery.sealed(file.clone()), file)
            && (FuzzedFile.intAt(file, 8) != 1 || FuzzedFile.intAt(file, 12) != 0);
    return isOurs ? HeaderSurgery.withLong(file, 8, 1) : file;
  }

  @Override
  public void check(byte[] input) {
    byte[] file = FuzzedFile.of(input);
    Optional<PlainFile> sound =
        PlainFile.read(file, OWNER)
            .filter(plain ->
                plain.kind() == 2
                    && plain.blocks().length == 1
                    && plain.lengths().length == 1
                    && Arrays.equals(plain.key(), block.key().toBytes())
                    && Arrays.equals(plain.tokenIds()[0], block.tokenIds()));
    write();
    files.put(path, reader.apply(file));
    files.takeLargestRead();
    cache.storage().poison(1);
    long before = AllocationMeter.allocatedBytes();
    int numLoaded = tier.load(List.of(block), cache.storage(), new int[] {1});
    long allocatedBytes = AllocationMeter.allocatedBytes() - before;
    long largestRead = files.takeLargestRead();
    require((numLoaded == 1) == sound.isPresent(), "numLoaded=" + numLoaded);
    if (numLoaded == 1) {
      require(
          Arrays.equals(
              cache.bytesOf(1), FuzzedFile.inCache(sound.orElseThrow(), 0, BlockPatterns.LAYOUT)),
          "content of the block");
    }
    require(tier.contains(block) == (numLoaded == 1), "a block is claimed that is not to be had");
    require(files.paths().isEmpty() == (numLoaded == 0), "files=" + files.paths());
    require(files.numOpen() == 1, "files are left open: numOpen=" + files.numOpen());
    FuzzedFile.requireModest(largestRead, allocatedBytes, file);
  }

  private void write() {
    cache.fill(0, 1);
    tier.evicted(List.of(block), cache.storage(), new int[] {0});
    require(tier.contains(block), "a block was not written: " + tier);
  }

  @Override
  public List<byte[]> seeds() {
    write();
    byte[] ours = files.bytes(path);
    byte[] turned = HeaderSurgery.withInt(ours, 20, ours[20] == 1 ? 2 : 1);
    return List.of(
        FuzzedFile.seed(ours, false),
        FuzzedFile.seed(ours, true),
        FuzzedFile.seed(turned, false),
        FuzzedFile.seed(turned, true));
  }

  @Override
  public void close() {
    tier.close();
    cache.close();
  }
}
