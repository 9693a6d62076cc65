package dev.pagoda.tier.file;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** Files whose checksums are right and whose numbers are not: what a forger would write. */
final class HeaderSurgery {
  private static final int CRC_OFFSET = 252;

  private HeaderSurgery() {}

  static byte[] withInt(byte[] file, int offset, int number) {
    byte[] changed = file.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(offset, number);
    return sealed(changed);
  }

  static byte[] withLong(byte[] file, int offset, long number) {
    byte[] changed = file.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putLong(offset, number);
    return sealed(changed);
  }

  /** Makes the header's checksum right. */
  static byte[] sealed(byte[] file) {
    if (file.length >= CRC_OFFSET + Integer.BYTES) {
      CRC32C crc = new CRC32C();
      crc.update(file, 0, CRC_OFFSET);
      ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(CRC_OFFSET, (int) crc.getValue());
    }
    return file;
  }

  /** Makes the index's checksum right, and the header's after it. */
  static byte[] resealed(byte[] file, int indexBytes) {
    CRC32C crc = new CRC32C();
    crc.update(file, 256, Math.min(indexBytes, file.length - 256));
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(152, (int) crc.getValue());
    return sealed(file);
  }

  /**
   * Makes every checksum right for the parts that the header declares, as far as they are there.
   */
  static byte[] sealedAsDeclared(byte[] file) {
    if (file.length < FileHeader.BYTES) {
      return file;
    }
    ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    long words = 2L * b.getInt(44) + b.getInt(48) + b.getInt(52);
    long indexBytes = Math.clamp(64 * Math.ceilDiv(4 * words, 64), 0, file.length - 256);
    CRC32C crc = new CRC32C();
    crc.update(file, 256 + (int) indexBytes, file.length - 256 - (int) indexBytes);
    b.putInt(156, (int) crc.getValue());
    return resealed(file, (int) indexBytes);
  }

  /** Makes every checksum right, whatever the bytes are. */
  static byte[] resealedWhole(byte[] file) {
    int indexBytes = 64;
    CRC32C crc = new CRC32C();
    crc.update(file, 256 + indexBytes, file.length - 256 - indexBytes);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(156, (int) crc.getValue());
    return resealed(file, indexBytes);
  }
}
