package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * Saves and writes blocks until it is killed, from outside or by itself at a given call; says what
 * is done on standard output.
 */
final class KilledWriter {
  static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  static final int BLOCK_SIZE = 4;
  static final int NUM_BLOCKS_ON_DISK = 5;

  private KilledWriter() {}

  /** Ends the process at a call, in the middle of it where it writes. */
  private static class Halting implements FileCalls {
    final FileCalls system = new SystemFiles();
    private final int last;
    private int calls;

    Halting(int last) {
      this.last = last;
    }

    private void pass() {
      calls++;
      if (calls == last) {
        Runtime.getRuntime().halt(9);
      }
    }

    @Override
    public OpenFile open(Path path) throws IOException {
      pass();
      return system.open(path);
    }

    @Override
    public OpenFile create(Path path) throws IOException {
      pass();
      OpenFile file = system.create(path);
      return new OpenFile() {
        @Override
        public long size() throws IOException {
          return file.size();
        }

        @Override
        public int read(ByteBuffer target, long position) throws IOException {
          return file.read(target, position);
        }

        @Override
        public void write(ByteBuffer source, long position) throws IOException {
          int half = source.remaining() / 2;
          file.write(source.slice(source.position(), half), position);
          pass();
          file.write(source.position(source.position() + half), position + half);
          pass();
        }

        @Override
        public void force() throws IOException {
          pass();
          file.force();
          pass();
        }

        @Override
        public void close() throws IOException {
          file.close();
          pass();
        }
      };
    }

    @Override
    public void replace(Path source, Path target) throws IOException {
      pass();
      system.replace(source, target);
      pass();
    }

    @Override
    public void forceFolder(Path folder) throws IOException {
      system.forceFolder(folder);
      pass();
    }

    @Override
    public void delete(Path path) throws IOException {
      pass();
      system.delete(path);
    }

    @Override
    public List<Entry> list(Path folder, Predicate<String> names) throws IOException {
      return system.list(folder, names);
    }

    @Override
    public FolderLock lockFolder(Path folder) throws IOException {
      return system.lockFolder(folder);
    }
  }

  /** Copies where it should rename, and ends in the middle of one of the copies. */
  private static final class Copying extends Halting {
    private static final int LAST = 4; // that of a block: saves and blocks take turns

    private int copies;

    Copying() {
      super(Integer.MAX_VALUE);
    }

    @Override
    public void replace(Path source, Path target) throws IOException {
      copies++;
      byte[] whole = Files.readAllBytes(source);
      if (copies == LAST) {
        Files.write(target, Arrays.copyOf(whole, whole.length / 2));
        Runtime.getRuntime().halt(9);
      }
      system.replace(source, target);
    }
  }

  static long fileBytes() {
    return GroupIndex.ofBlock(new int[BlockPatterns.BLOCK_SIZE])
        .header(FileOwner.of(BlockPatterns.LAYOUT, MODEL), FileHeader.Kind.BLOCK, Digest.NONE)
        .fileBytes();
  }

  static DiskTier openTier(Path folder, FileCalls files) {
    return DiskTier.open(
        folder,
        FileOwner.of(BlockPatterns.LAYOUT, MODEL),
        DiskTierSettings.ofBytes(NUM_BLOCKS_ON_DISK * fileBytes()),
        HostStorage.allocate(BlockPatterns.LAYOUT, 2),
        files);
  }

  /** For the one who starts it: as a call at which to end. */
  static final int COPIES = -1;

  /** Folder, and the call at which to end, or 0 for none. */
  public static void main(String[] arguments) {
    Path folder = Path.of(arguments[0]);
    int last = Integer.parseInt(arguments[1]);
    FileCalls files =
        last == COPIES ? new Copying() : new Halting(last == 0 ? Integer.MAX_VALUE : last);
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 32);
        BlockPatterns cache = new BlockPatterns(1);
        DiskTier tier = openTier(folder.resolve("tier"), files);
        SequenceStore store =
            SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), files)) {
      KvSequence chat = memory.counting(1);
      for (int round = 1; ; round++) {
        memory.append(chat, chat.length() + 1);
        if (chat.length() == 100) {
          chat.truncate(1);
        }
        store.save(chat, folder.resolve("chat.kv"));
        System.out.println(chat.length());
        cache.fill(0, round);
        tier.evicted(List.of(BlockPatterns.block(round)), cache.storage(), new int[] {0});
      }
    }
  }
}
