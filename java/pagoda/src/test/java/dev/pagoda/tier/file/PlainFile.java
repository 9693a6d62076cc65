package dev.pagoda.tier.file;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The format as the package documentation tells it, read the plainest way: what the library's
 * reader is compared with. Shares no line with it but the owner's digests.
 *
 * @param kind 1 sequences, 2 a block
 * @param tokenMajor how its key tiles lie
 * @param key of a block
 * @param lengths per sequence
 * @param tables per sequence, numbers of blocks
 * @param tokenIds per sequence, possibly none
 * @param blocks their bytes
 */
record PlainFile(
    int kind,
    boolean tokenMajor,
    byte[] key,
    int[] lengths,
    int[][] tables,
    int[][] tokenIds,
    byte[][] blocks) {

  /** What the file says, if it is sound and this owner's. */
  static Optional<PlainFile> read(byte[] bytes, FileOwner owner) {
    return read(bytes, owner, true);
  }

  /** The same for a reader who has no use for the index and does not look at it. */
  static Optional<PlainFile> readWithoutIndex(byte[] bytes, FileOwner owner) {
    return read(bytes, owner, false);
  }

  private static Optional<PlainFile> read(byte[] bytes, FileOwner owner, boolean readsIndex) {
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length < 256
        || !Arrays.equals(Arrays.copyOf(bytes, 8), "PAGODAKV".getBytes(StandardCharsets.US_ASCII))
        || b.getInt(252) != crc(bytes, 0, 252)
        || b.getInt(8) != 1
        || b.getInt(12) != 0
        || (b.getInt(16) != 1 && b.getInt(16) != 2)
        || (b.getInt(20) != 1 && b.getInt(20) != 2)
        || b.getLong(24) != bytes.length
        || b.getLong(32) != owner.layout().blockBytes()
        || !Arrays.equals(Arrays.copyOfRange(bytes, 56, 88), owner.shape().bytes())
        || !Arrays.equals(Arrays.copyOfRange(bytes, 88, 120), owner.model().bytes())
        || !allZero(bytes, 160, 252)) {
      return Optional.empty();
    }
    long numBlocks = b.getInt(40);
    long numSequences = b.getInt(44);
    long numEntries = b.getInt(48);
    long numIds = b.getInt(52);
    long indexBytes = (4 * (2 * numSequences + numEntries + numIds) + 63) / 64 * 64;
    if (numBlocks < 0
        || numSequences < 1
        || numEntries < numBlocks
        || numIds < 0
        || numBlocks > bytes.length
        || 256 + indexBytes + numBlocks * owner.layout().blockBytes() != bytes.length) {
      return Optional.empty();
    }
    int payload = (int) (256 + indexBytes);
    if (b.getInt(156) != crc(bytes, payload, bytes.length)) {
      return Optional.empty();
    }
    byte[][] blocks = new byte[(int) numBlocks][];
    for (int i = 0; i < blocks.length; i++) {
      int from = payload + i * (int) owner.layout().blockBytes();
      blocks[i] = Arrays.copyOfRange(bytes, from, from + (int) owner.layout().blockBytes());
    }
    PlainFile payloadOnly =
        new PlainFile(
            b.getInt(16),
            b.getInt(20) == 1,
            Arrays.copyOfRange(bytes, 120, 152),
            new int[(int) numSequences],
            new int[(int) numSequences][],
            new int[(int) numSequences][],
            blocks);
    if (!readsIndex) {
      return Optional.of(payloadOnly);
    }
    boolean isSound =
        b.getInt(152) == crc(bytes, 256, payload)
            && payloadOnly.fillIndex(
                b.position(256), payload, owner.layout().shape().blockSize(), numEntries, numIds);
    return isSound ? Optional.of(payloadOnly) : Optional.empty();
  }

  private boolean fillIndex(
      ByteBuffer b, int payload, int blockSize, long numEntries, long numIds) {
    long entries = 0;
    long ids = 0;
    int[] idCounts = new int[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = b.getInt();
      idCounts[i] = b.getInt();
      if (lengths[i] < 0 || (idCounts[i] != 0 && idCounts[i] != lengths[i])) {
        return false;
      }
      entries += blocksFor(lengths[i], blockSize);
      ids += idCounts[i];
    }
    if (entries != numEntries || ids != numIds) {
      return false;
    }
    int[] placeOf = new int[blocks.length];
    Arrays.fill(placeOf, -1);
    for (int i = 0; i < lengths.length; i++) {
      tables[i] = new int[(int) blocksFor(lengths[i], blockSize)];
      for (int j = 0; j < tables[i].length; j++) {
        int number = b.getInt();
        tables[i][j] = number;
        if (number < 0
            || number >= blocks.length
            || (placeOf[number] != -1 && placeOf[number] != j)) {
          return false;
        }
        placeOf[number] = j;
      }
    }
    for (int i = 0; i < lengths.length; i++) {
      tokenIds[i] = new int[idCounts[i]];
      for (int j = 0; j < idCounts[i]; j++) {
        tokenIds[i][j] = b.getInt();
      }
    }
    while (b.position() < payload) {
      if (b.get() != 0) {
        return false;
      }
    }
    return Arrays.stream(placeOf).noneMatch(place -> place == -1);
  }

  private static long blocksFor(long length, int blockSize) {
    return (length + blockSize - 1) / blockSize;
  }

  private static boolean allZero(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static int crc(byte[] bytes, int from, int to) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, to - from);
    return (int) crc.getValue();
  }
}
