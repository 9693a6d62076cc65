package dev.pagoda.tier.file;

import static dev.pagoda.tier.file.FuzzedFile.require;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.testing.AllocationMeter;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Saved sequences: any file is refused, or restored as {@link PlainFile} reads it. */
final class RestoreTarget implements FuzzTarget {
  private static final int NUM_BLOCKS = 8;
  private static final Path FILE = Path.of("/memory/store/chat.kv");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");

  private final ReadableCache memory = ReadableCache.open(4, NUM_BLOCKS);
  private final MemoryFiles files = new MemoryFiles();
  private final SequenceStore store =
      SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files);
  private final UnaryOperator<byte[]> reader;

  /**
   * A target.
   *
   * @param reader what it makes of a file before it reads it: nothing, unless a bug is planted
   */
  RestoreTarget(UnaryOperator<byte[]> reader) {
    this.reader = reader;
  }

  /** Numbers of blocks are made to fit instead of being refused. */
  static byte[] correctingNumbers(byte[] file) {
    if (file.length < FileHeader.BYTES || FuzzedFile.intAt(file, 44) < 0) {
      return file;
    }
    byte[] corrected =
        FuzzedFile.with(
            file,
            b -> {
              int numBlocks = b.getInt(40);
              long first = 256 + 8L * b.getInt(44);
              for (int i = 0; i < b.getInt(48) && first + 4L * i + 4 <= file.length; i++) {
                int at = (int) (first + 4L * i);
                if (numBlocks > 0) {
                  b.putInt(at, Math.floorMod(b.getInt(at), numBlocks));
                }
              }
              return b;
            });
    return Arrays.equals(corrected, file) ? file : HeaderSurgery.sealedAsDeclared(corrected);
  }

  @Override
  public void check(byte[] input) {
    byte[] file = FuzzedFile.of(input);
    FileOwner owner = FileOwner.of(memory.cache().layout(), MODEL);
    Optional<PlainFile> sound = PlainFile.read(file, owner).filter(plain -> plain.kind() == 1);
    files.put(FILE, reader.apply(file));
    files.takeLargestRead();
    long before = AllocationMeter.allocatedBytes();
    Optional<RestoredGroup> restored = Optional.empty();
    try {
      restored = Optional.of(store.restore(FILE));
      require(sound.isPresent(), "a file that is not sound was restored");
    } catch (RefusedFileException refused) {
      require(sound.isEmpty(), "a sound file was refused: " + refused.getMessage());
    } catch (OutOfBlocksException tooMany) {
      require(
          sound.isPresent() && sound.get().blocks().length > NUM_BLOCKS,
          "there was room: " + tooMany.getMessage());
    }
    long allocatedBytes = AllocationMeter.allocatedBytes() - before;
    long largestRead = files.takeLargestRead();
    restored.ifPresent(group -> {
      requireSame(sound.orElseThrow(), group);
      group.sequences().forEach(KvSequence::close);
    });
    require(memory.numUsed() == 0, "blocks are left: numUsed=" + memory.numUsed());
    require(memory.cache().statistics().numSequences() == 0, "sequences are left");
    require(files.numOpen() == 0, "files are left open: numOpen=" + files.numOpen());
    FuzzedFile.requireModest(largestRead, allocatedBytes, file);
  }

  private void requireSame(PlainFile sound, RestoredGroup group) {
    List<KvSequence> sequences = group.sequences();
    require(sequences.size() == sound.lengths().length, "numSequences=" + sequences.size());
    Map<Integer, Integer> blockIdOf = new HashMap<>();
    for (int i = 0; i < sequences.size(); i++) {
      require(sequences.get(i).length() == sound.lengths()[i], "length of sequence " + i);
      require(Arrays.equals(group.tokenIds(i), sound.tokenIds()[i]), "token ids of sequence " + i);
      int[] blockIds = sequences.get(i).blockIds();
      require(blockIds.length == sound.tables()[i].length, "table of sequence " + i);
      for (int j = 0; j < blockIds.length; j++) {
        int number = sound.tables()[i][j];
        Integer other = blockIdOf.putIfAbsent(number, blockIds[j]);
        require(other == null || other == blockIds[j], "a shared block is shared no more");
      }
    }
    require(
        blockIdOf.values().stream().distinct().count() == blockIdOf.size(),
        "blocks are shared that were not");
    blockIdOf.forEach((number, blockId) ->
        require(
            Arrays.equals(
                memory.blockBytes(blockId),
                FuzzedFile.inCache(sound, number, memory.cache().layout())),
            "content of block " + number));
  }

  @Override
  public List<byte[]> seeds() {
    List<byte[]> saved = new ArrayList<>();
    KvSequence chat = memory.counting(6);
    saved.add(save(List.of(chat), List.of(ReadableCache.ascending(6))));
    ForkGroup group = ForkGroup.of(chat, 2, PromptHandle.MOVE);
    memory.commit(group.appendTo(memory.cache().newStep()), 100, 101);
    saved.add(save(group.sequences(), List.of(new int[0], new int[7])));
    group.sequences().forEach(KvSequence::close);
    try (KvSequence empty = memory.sequence()) {
      saved.add(save(List.of(empty), List.of(new int[0])));
    }
    int there = saved.getFirst()[20] == 1 ? 2 : 1;
    saved.add(HeaderSurgery.withInt(saved.getFirst(), 20, there));
    List<byte[]> seeds = new ArrayList<>();
    for (byte[] file : saved) {
      seeds.add(FuzzedFile.seed(file, false));
      seeds.add(FuzzedFile.seed(file, true));
    }
    seeds.add(
        FuzzedFile.seed(
            FuzzedFile.with(saved.getFirst(), (ByteBuffer b) -> b.putInt(44, 1 << 26)), true));
    return seeds;
  }

  private byte[] save(List<KvSequence> sequences, List<int[]> tokenIds) {
    store.save(sequences, tokenIds, FILE);
    return files.bytes(FILE);
  }

  @Override
  public void close() {
    store.close();
    memory.close();
  }
}
