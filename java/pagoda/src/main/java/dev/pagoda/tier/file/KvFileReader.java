package dev.pagoda.tier.file;

import dev.pagoda.layout.KvLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Reads a file. Nothing is believed before its checksum was compared, and nothing is allocated that
 * the file is not long enough to fill.
 */
final class KvFileReader implements AutoCloseable {
  /** Takes blocks from the staging memory. */
  interface BlockTarget {
    /** Takes {@code count} blocks, from a number on. */
    void take(int firstNumber, int count);
  }

  private static final System.Logger LOGGER = System.getLogger(KvFileReader.class.getName());

  private final Path path;
  private final FileCalls.OpenFile file;
  private final FileHeader header;

  private KvFileReader(Path path, FileCalls.OpenFile file, FileHeader header) {
    this.path = path;
    this.file = file;
    this.header = header;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws RefusedFileException if it is not such a file for such a cache
   * @throws IOException if it could not be read
   */
  static KvFileReader open(FileCalls files, Path path, FileHeader.Kind kind, FileOwner owner)
      throws IOException {
    FileCalls.OpenFile file = files.open(path);
    try {
      long actualBytes = file.size();
      ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(FileHeader.BYTES, actualBytes));
      file.read(bytes, 0);
      FileHeader header = FileHeader.decode(path, bytes.flip(), actualBytes);
      header.requireFits(path, kind, owner);
      return new KvFileReader(path, file, header);
    } catch (Throwable refused) {
      closeAfter(refused, file);
      throw refused;
    }
  }

  private static void closeAfter(Throwable refused, FileCalls.OpenFile file) {
    try {
      file.close();
    } catch (IOException | RuntimeException again) {
      refused.addSuppressed(again);
    }
  }

  FileHeader header() {
    return header;
  }

  GroupIndex readIndex(KvLayout layout) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate((int) header.indexBytes());
    readFully(bytes, FileHeader.BYTES);
    CRC32C crc = new CRC32C();
    crc.update(bytes.flip().duplicate());
    if ((int) crc.getValue() != header.indexCrc()) {
      throw FileHeader.damaged(
          path, "the index's checksum is wrong: indexBytes=" + header.indexBytes());
    }
    return GroupIndex.decode(path, header, layout.shape(), bytes);
  }

  /**
   * Reads all blocks, in the cache's layout. The target sees them before the last byte was checked:
   * if this throws, what it took must not be used.
   */
  void readPayload(BlockStaging staging, BlockTarget target) throws IOException {
    boolean asHere = header.keyOrder() == staging.host().layout().keyOrder();
    CRC32C crc = new CRC32C();
    long position = header.payloadOffset();
    int first = 0;
    while (first < header.numBlocks()) {
      int count = Math.min(staging.numBlocks(), header.numBlocks() - first);
      for (int i = 0; i < count; i++) {
        MemorySegment block = asHere ? staging.block(i) : staging.otherBlock();
        for (long offset = 0; offset < block.byteSize(); offset += KvFileWriter.SLICE_BYTES) {
          ByteBuffer slice = KvFileWriter.slice(block, offset);
          readFully(slice, position + offset);
          crc.update(slice.flip());
        }
        if (!asHere) {
          staging.turn(block, i);
        }
        position += block.byteSize();
      }
      if (first + count == header.numBlocks()) {
        requirePayload((int) crc.getValue());
      }
      target.take(first, count);
      first += count;
    }
    if (header.numBlocks() == 0) {
      requirePayload((int) crc.getValue());
    }
  }

  private void requirePayload(int crc) {
    if (crc != header.payloadCrc()) {
      throw FileHeader.damaged(
          path, "the payload's checksum is wrong: numBlocks=" + header.numBlocks());
    }
  }

  private void readFully(ByteBuffer target, long position) throws IOException {
    int wanted = target.remaining();
    int count = file.read(target, position);
    if (count < wanted) { // it has become shorter since its length was asked
      throw FileHeader.truncated(path, header.fileBytes(), position + count);
    }
  }

  /** What was read is whole and checked: a file that closes badly takes nothing of that back. */
  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException harmless) {
      LOGGER.log(System.Logger.Level.DEBUG, "a file that was read closed badly", harmless);
    }
  }
}
