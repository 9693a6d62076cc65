package dev.pagoda.tier.file;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** 32 bytes that stand for something, as a SHA-256 does. The longs are the bytes little-endian. */
record Digest(long first, long second, long third, long fourth) {
  static final int BYTES = 32;
  static final Digest NONE = new Digest(0, 0, 0, 0);

  static Digest of(byte[] bytes) {
    if (bytes.length != BYTES) {
      throw new IllegalArgumentException(
          "a digest has " + BYTES + " bytes: numBytes=" + bytes.length);
    }
    return get(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
  }

  static Digest get(ByteBuffer source) {
    return new Digest(source.getLong(), source.getLong(), source.getLong(), source.getLong());
  }

  void put(ByteBuffer target) {
    target.putLong(first).putLong(second).putLong(third).putLong(fourth);
  }

  byte[] bytes() {
    byte[] bytes = new byte[BYTES];
    put(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    return bytes;
  }

  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes());
  }
}
