package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Blocks of a prefix as files of one block each. Whose they are is compared with what the file says
 * of itself, before anybody sees what was read.
 *
 * <p>Threads: any number, each with a staging block of its own.
 */
final class BlockFiles {
  private final FileCalls files;
  private final FileOwner owner;
  private final KvFileWriter writer;
  private final long fileBytes;

  BlockFiles(FileCalls files, FileOwner owner, Durability durability) {
    this.files = files;
    this.owner = owner;
    writer = new KvFileWriter(files, durability);
    fileBytes = fileBytes(owner);
  }

  /** Bytes of a file of a block: of each one the same. */
  static long fileBytes(FileOwner owner) {
    return GroupIndex.ofBlock(new int[owner.layout().shape().blockSize()])
        .header(owner, FileHeader.Kind.BLOCK, Digest.NONE)
        .fileBytes();
  }

  /**
   * Writes a staged block.
   *
   * @param part name under which it is written aside
   * @param path name that it has when it is whole
   */
  void write(Path part, Path path, PrefixBlock block, BlockStaging staging) throws IOException {
    GroupIndex one = GroupIndex.ofBlock(block.tokenIds());
    FileHeader header = one.header(owner, FileHeader.Kind.BLOCK, keyDigest(block));
    writer.write(part, path, header, one, staging, (first, count) -> {});
  }

  /**
   * Reads a block into a storage.
   *
   * @throws RefusedFileException if the file is damaged, or another block's
   */
  void read(Path path, PrefixBlock block, BlockStaging staging, KvStorage storage, int blockId)
      throws IOException {
    try (KvFileReader reader = KvFileReader.open(files, path, FileHeader.Kind.BLOCK, owner)) {
      requireSame(path, reader, block);
      reader.readPayload(
          staging,
          (first, count) -> StagedBlocks.in(staging, storage, new int[] {blockId}, first, count));
    }
  }

  /** Equal keys stand for equal tokens, and are not trusted to. */
  private void requireSame(Path path, KvFileReader reader, PrefixBlock block) throws IOException {
    FileHeader header = reader.header();
    if (!header.key().equals(keyDigest(block))) {
      throw FileHeader.damaged(path, "the file is another block's: key=" + header.key());
    }
    if (header.numBlocks() != 1 || header.numSequences() != 1) {
      throw FileHeader.damaged(
          path, "a file of a block holds one: numBlocks=" + header.numBlocks());
    }
    if (header.fileBytes() != fileBytes) { // before anything is allocated for its index
      throw FileHeader.damaged(
          path, "a file of a block has one length: fileBytes=" + header.fileBytes());
    }
    GroupIndex found = reader.readIndex(owner.layout());
    if (!Arrays.equals(found.tokenIds(0), block.tokenIds())) {
      throw FileHeader.damaged(path, "the file has other tokens: key=" + header.key());
    }
  }

  private static Digest keyDigest(PrefixBlock block) {
    return Digest.of(block.key().toBytes());
  }
}
