package dev.pagoda.tier.file;

import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.tier.file.RefusedFileException.Reason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The first {@value #BYTES} bytes of a file: what is in it, whose it is, and how long each part is.
 * The package documentation gives the place of each field.
 *
 * @param kind what the file holds
 * @param keyOrder how its key tiles lie
 * @param blockBytes size of a block
 * @param numBlocks blocks in the payload
 * @param numSequences sequences in the index
 * @param numTableEntries entries of their block tables, together
 * @param numTokenIds token ids in the index
 * @param shape digest of layers, element types and block size
 * @param model whose keys and values they are
 * @param key what a block is found by; nothing in a file of sequences
 * @param indexCrc CRC32C of the index, padding included
 * @param payloadCrc CRC32C of the payload
 */
record FileHeader(
    Kind kind,
    KeyOrder keyOrder,
    long blockBytes,
    int numBlocks,
    int numSequences,
    int numTableEntries,
    int numTokenIds,
    Digest shape,
    Digest model,
    Digest key,
    int indexCrc,
    int payloadCrc) {
  static final int BYTES = 256;

  /** So that an index fits in an array whatever a file says. */
  static final int INDEX_BYTES_MAX = 1 << 30;

  private static final long MAGIC = 0x564b_4144_4f47_4150L; // "PAGODAKV" in the order of bytes
  private static final int MAGIC_BYTES = 8;
  private static final int VERSION = 1;
  private static final int CRC_OFFSET = BYTES - Integer.BYTES;

  /** What a file holds, and the number that says so. */
  enum Kind {
    SEQUENCES(1),
    BLOCK(2);

    private final int code;

    Kind(int code) {
      this.code = code;
    }
  }

  private static final int TOKEN_MAJOR = 1;
  private static final int DIM_MAJOR = 2;

  long indexBytes() {
    return indexBytes(numSequences, numTableEntries, numTokenIds);
  }

  private static long indexBytes(long numSequences, long numTableEntries, long numTokenIds) {
    long bytes = Integer.BYTES * (2 * numSequences + numTableEntries + numTokenIds);
    return Math.ceilDiv(bytes, KvLayout.TILE_ALIGNMENT_BYTES) * KvLayout.TILE_ALIGNMENT_BYTES;
  }

  long payloadOffset() {
    return BYTES + indexBytes();
  }

  long fileBytes() {
    return payloadOffset() + numBlocks * blockBytes;
  }

  FileHeader withChecksums(int newIndexCrc, int newPayloadCrc) {
    return new FileHeader(
        kind,
        keyOrder,
        blockBytes,
        numBlocks,
        numSequences,
        numTableEntries,
        numTokenIds,
        shape,
        model,
        key,
        newIndexCrc,
        newPayloadCrc);
  }

  /** Layers, element types and block size; not how key tiles lie, which a reader can change. */
  static Digest shapeDigest(KvLayout layout) {
    CanonicalDigest digest =
        new CanonicalDigest("pagoda shape, elements little-endian, tiles of 64 bytes");
    digest.add(layout.shape().blockSize()).add(layout.shape().numLayers());
    for (LayerShape layer : layout.shape().layers()) {
      digest.add(layer.numKvHeads()).add(layer.keyHeadDim()).add(layer.valueHeadDim());
      digest.add(layer.keyDType().name()).add(layer.valueDType().name());
    }
    return digest.digest();
  }

  ByteBuffer encode() {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(MAGIC).putInt(VERSION).putInt(0);
    bytes.putInt(kind.code);
    bytes.putInt(keyOrder == KeyOrder.TOKEN_MAJOR ? TOKEN_MAJOR : DIM_MAJOR);
    bytes.putLong(fileBytes()).putLong(blockBytes);
    bytes.putInt(numBlocks).putInt(numSequences).putInt(numTableEntries).putInt(numTokenIds);
    shape.put(bytes);
    model.put(bytes);
    key.put(bytes);
    bytes.putInt(indexCrc).putInt(payloadCrc);
    bytes.putInt(CRC_OFFSET, crc(bytes));
    return bytes.clear();
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate().position(0).limit(CRC_OFFSET));
    return (int) crc.getValue();
  }

  /**
   * Reads a header. No number in it is used before the checksum has been compared, and none is
   * believed that does not fit the others.
   *
   * @param bytes the file's first bytes, up to {@value #BYTES}
   * @param actualBytes the file's length
   * @throws RefusedFileException if it is no header that this version can read
   */
  static FileHeader decode(Path path, ByteBuffer bytes, long actualBytes) {
    ByteBuffer b = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < Math.min(MAGIC_BYTES, b.limit()); i++) {
      if (b.get(i) != (byte) (MAGIC >>> (Byte.SIZE * i))) {
        throw new RefusedFileException(
            Reason.NOT_OURS, path, "the file is not one of Pagoda: numBytes=" + actualBytes);
      }
    }
    if (b.limit() < BYTES) {
      throw truncated(path, BYTES, actualBytes);
    }
    if (b.getInt(CRC_OFFSET) != crc(b)) {
      throw damaged(path, "the header's checksum is wrong: crc=" + b.getInt(CRC_OFFSET));
    }
    b.position(MAGIC_BYTES);
    int version = b.getInt();
    int flags = b.getInt();
    int kind = b.getInt();
    int keyOrder = b.getInt();
    if (version != VERSION
        || flags != 0
        || (kind != Kind.SEQUENCES.code && kind != Kind.BLOCK.code)
        || (keyOrder != TOKEN_MAJOR && keyOrder != DIM_MAJOR)) {
      throw new RefusedFileException(
          Reason.NEWER_VERSION,
          path,
          "the file has what this version does not know: version="
              + version
              + ", flags="
              + flags
              + ", kind="
              + kind
              + ", keyOrder="
              + keyOrder);
    }
    long fileBytes = b.getLong();
    FileHeader header =
        new FileHeader(
            kind == Kind.SEQUENCES.code ? Kind.SEQUENCES : Kind.BLOCK,
            keyOrder == TOKEN_MAJOR ? KeyOrder.TOKEN_MAJOR : KeyOrder.DIM_MAJOR,
            b.getLong(),
            b.getInt(),
            b.getInt(),
            b.getInt(),
            b.getInt(),
            Digest.get(b),
            Digest.get(b),
            Digest.get(b),
            b.getInt(),
            b.getInt());
    while (b.position() < CRC_OFFSET) {
      if (b.get() != 0) {
        throw damaged(path, "a reserved byte is set: offset=" + (b.position() - 1));
      }
    }
    header.requireSound(path, fileBytes);
    if (actualBytes < fileBytes) {
      throw truncated(path, fileBytes, actualBytes);
    }
    if (actualBytes > fileBytes) {
      throw damaged(
          path, "the file is too long: declared=" + fileBytes + ", numBytes=" + actualBytes);
    }
    return header;
  }

  private void requireSound(Path path, long declaredBytes) {
    boolean isSound =
        blockBytes >= KvLayout.TILE_ALIGNMENT_BYTES
            && blockBytes <= KvLayout.BLOCK_BYTES_MAX
            && blockBytes % KvLayout.TILE_ALIGNMENT_BYTES == 0
            && numBlocks >= 0
            && numSequences >= 1
            && numTableEntries >= numBlocks
            && numTokenIds >= 0
            && indexBytes() <= INDEX_BYTES_MAX
            // 2^31 blocks of 2^40 bytes would pass 2^63.
            && numBlocks <= (Long.MAX_VALUE - payloadOffset()) / blockBytes
            && fileBytes() == declaredBytes;
    if (!isSound) {
      throw damaged(
          path,
          "the header contradicts itself: fileBytes=" + declaredBytes + ", header=[" + this + "]");
    }
  }

  static RefusedFileException truncated(Path path, long declaredBytes, long actualBytes) {
    return new RefusedFileException(
        Reason.TRUNCATED,
        path,
        "the file ends early: declared=" + declaredBytes + ", numBytes=" + actualBytes);
  }

  static RefusedFileException damaged(Path path, String detail) {
    return new RefusedFileException(Reason.DAMAGED, path, detail);
  }

  /** Refuses what cannot be put into this owner's cache. */
  void requireFits(Path path, Kind wanted, FileOwner owner) {
    if (kind != wanted) {
      throw new RefusedFileException(
          Reason.OTHER_CONTENT, path, "the file holds something else: kind=" + kind);
    }
    if (!shape.equals(owner.shape()) || blockBytes != owner.layout().blockBytes()) {
      throw new RefusedFileException(
          Reason.OTHER_LAYOUT,
          path,
          "the file is of a cache with other layers, types or block size: blockBytes="
              + blockBytes
              + ", shape="
              + shape
              + ", here="
              + owner.layout());
    }
    if (!model.equals(owner.model().digest())) {
      throw new RefusedFileException(
          Reason.FOREIGN_MODEL,
          path,
          "the file is of another model: model=" + model + ", here=" + owner.model());
    }
  }
}
