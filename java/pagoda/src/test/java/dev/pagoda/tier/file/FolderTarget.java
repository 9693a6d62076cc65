package dev.pagoda.tier.file;

import static dev.pagoda.tier.file.FuzzedFile.require;

import dev.pagoda.Capacity;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * Names of files in the folders of a disk tier and of a swap folder: theirs are taken stock of or
 * removed, and nobody else's is touched. A line per file, whose first character says whether it is
 * as long as a block's.
 */
final class FolderTarget implements FuzzTarget {
  private static final Path TIER = Path.of("/memory/store");
  private static final Path SWAP = Path.of("/memory/swap");
  private static final int NUM_FILES_MAX = 16;
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final FileOwner OWNER = FileOwner.of(BlockPatterns.LAYOUT, MODEL);
  private static final int FILE_BYTES =
      (int) (256 + 64 + BlockPatterns.LAYOUT.blockBytes()); // header, index of 3 tokens, block

  private static final Pattern BLOCK = Pattern.compile("[0-9a-f]{64}\\.kv");
  private static final Pattern BLOCK_PART = Pattern.compile("[0-9a-f]{64}\\.[0-9]{1,19}\\.part");
  private static final Pattern SWAPPED = Pattern.compile("[0-9a-f]{1,16}\\.swap(\\.part)?");

  private final ReadableCache memory = ReadableCache.open(4, 4);
  private final UnaryOperator<String> reader;

  /**
   * A target.
   *
   * @param reader what it makes of a name before it reads it: nothing, unless a bug is planted
   */
  FolderTarget(UnaryOperator<String> reader) {
    this.reader = reader;
  }

  /** Upper and lower case are the same. */
  static String ignoringCase(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  @Override
  public void check(byte[] input) {
    MemoryFiles files = new MemoryFiles();
    Set<Path> expected = new HashSet<>();
    Set<String> blocks = new HashSet<>();
    new String(input, StandardCharsets.UTF_8)
        .lines()
        .filter(FolderTarget::isFile)
        .limit(NUM_FILES_MAX)
        .forEach(line -> {
          String name = line.substring(1);
          boolean isLong = line.charAt(0) == '+';
          for (Path folder : List.of(TIER, SWAP)) {
            files.put(folder.resolve(reader.apply(name)), new byte[isLong ? FILE_BYTES : 7]);
          }
          expected.remove(TIER.resolve(name)); // the last of two of one name counts
          blocks.remove(name);
          boolean isBlock = BLOCK.matcher(name).matches();
          if (isBlock && isLong) {
            blocks.add(name);
          }
          if (!BLOCK_PART.matcher(name).matches() && (!isBlock || isLong)) {
            expected.add(TIER.resolve(name));
          }
          if (!SWAPPED.matcher(name).matches()) {
            expected.add(SWAP.resolve(name));
          }
        });
    try (DiskTier tier =
            DiskTier.open(
                TIER,
                OWNER,
                DiskTierSettings.ofBytes(1 << 20),
                HostStorage.allocate(BlockPatterns.LAYOUT, 2),
                files);
        SwapFolder _ = SwapFolder.open(SWAP, memory.cache(), Capacity.blocks(1), files)) {
      require(files.paths().equals(expected), "files=" + files.paths() + ", wanted=" + expected);
      require(
          tier.statistics().numFound() == blocks.size(),
          "numFound=" + tier.statistics().numFound() + ", blocks=" + blocks);
    }
    require(files.numOpen() == 0, "folders are left locked: numOpen=" + files.numOpen());
  }

  private static boolean isFile(String line) {
    String name = line.isEmpty() ? "" : line.substring(1);
    return !name.isEmpty()
        && !name.equals(".")
        && !name.equals("..")
        && name.indexOf('/') < 0
        // What else a name may have depends on the machine's encoding.
        && name.chars().allMatch(unit -> unit > 0 && unit < 128);
  }

  @Override
  public List<byte[]> seeds() {
    String key = BlockPatterns.block(1).key().toString();
    return List.of(
        bytes("+" + key + ".kv\n-" + key + ".kv\n+" + BlockPatterns.block(2).key() + ".kv\n"),
        bytes("+" + key + ".0.part\n-" + key + ".17.part\n+notes.txt\n-holiday.part\n"),
        bytes("-0.swap\n+1f.swap.part\n-chat.swap\n+.lock\n"),
        bytes("+" + key.toUpperCase(Locale.ROOT) + ".kv\n+" + key + ".KV\n"));
  }

  private static byte[] bytes(String lines) {
    return lines.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    memory.close();
  }
}
