package dev.pagoda.tier.file;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Writes a file aside and gives it its name when it is whole: whatever happens, the name stands for
 * the old file, for the new one, or for none.
 */
final class KvFileWriter {
  /** Bytes written, or read, by one call. */
  static final long SLICE_BYTES = 1 << 22;

  /** How sure a file must be before its writer goes on. */
  enum Durability {
    /** It survives the loss of power. */
    FORCED,
    /** It survives the end of the process; after a loss of power it may be damaged or gone. */
    WRITTEN
  }

  /** Puts blocks into the staging memory. */
  interface BlockSource {
    /** Fetches {@code count} blocks from a number on; the staging memory has room for them. */
    void fetch(int firstNumber, int count);
  }

  private final FileCalls files;
  private final Durability durability;

  KvFileWriter(FileCalls files, Durability durability) {
    this.files = files;
    this.durability = durability;
  }

  /**
   * Writes a file.
   *
   * @param part a name that is not taken, in the folder of the other one
   * @param path the file's name
   * @param proto its header, checksums aside
   * @throws IOException if it could not be written; the part is removed if that can be done
   */
  void write(
      Path part,
      Path path,
      FileHeader proto,
      GroupIndex index,
      BlockStaging staging,
      BlockSource source)
      throws IOException {
    ByteBuffer indexBytes = index.encode(proto);
    try {
      writeAside(part, proto, indexBytes, index, staging, source);
      files.replace(part, path);
    } catch (Throwable refused) {
      deleteAfter(refused, part);
      throw refused;
    }
    if (durability == Durability.FORCED) {
      files.forceFolder(folderOf(path));
    }
  }

  private void writeAside(
      Path part,
      FileHeader proto,
      ByteBuffer indexBytes,
      GroupIndex index,
      BlockStaging staging,
      BlockSource source)
      throws IOException {
    FileCalls.OpenFile file = files.create(part);
    try {
      int payloadCrc = writePayload(file, proto, index, staging, source);
      CRC32C crc = new CRC32C();
      crc.update(indexBytes.duplicate());
      file.write(indexBytes, FileHeader.BYTES);
      file.write(proto.withChecksums((int) crc.getValue(), payloadCrc).encode(), 0);
      if (durability == Durability.FORCED) {
        file.force();
      }
    } catch (Throwable refused) {
      closeAfter(refused, file);
      throw refused;
    }
    file.close();
  }

  private static int writePayload(
      FileCalls.OpenFile file,
      FileHeader header,
      GroupIndex index,
      BlockStaging staging,
      BlockSource source)
      throws IOException {
    CRC32C crc = new CRC32C();
    long position = header.payloadOffset();
    int first = 0;
    while (first < header.numBlocks()) {
      int count = Math.min(staging.numBlocks(), header.numBlocks() - first);
      source.fetch(first, count);
      for (int i = 0; i < count; i++) {
        staging.clearBehind(i, index.validTokens(first + i));
        MemorySegment block = staging.block(i);
        for (long offset = 0; offset < block.byteSize(); offset += SLICE_BYTES) {
          ByteBuffer slice = slice(block, offset);
          crc.update(slice.duplicate());
          file.write(slice, position + offset);
        }
        position += block.byteSize();
      }
      first += count;
    }
    return (int) crc.getValue();
  }

  static ByteBuffer slice(MemorySegment block, long offset) {
    return block.asSlice(offset, Math.min(SLICE_BYTES, block.byteSize() - offset)).asByteBuffer();
  }

  static Path folderOf(Path path) {
    Path folder = path.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IllegalArgumentException("a file is in a folder: path=" + path);
    }
    return folder;
  }

  private static void closeAfter(Throwable refused, FileCalls.OpenFile file) {
    try {
      file.close();
    } catch (IOException | RuntimeException again) {
      refused.addSuppressed(again);
    }
  }

  private void deleteAfter(Throwable refused, Path part) {
    try {
      files.delete(part);
    } catch (IOException | RuntimeException again) {
      refused.addSuppressed(again);
    }
  }
}
