package dev.pagoda.prefix;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * What a block's keys and values depend on, as a SHA-256: model, layout, element types, adapter,
 * namespace, and every token id up to the block's last one. Equal keys stand for equal content, in
 * whatever memory, file or process.
 *
 * <p>Immutable, 48 bytes on the heap.
 */
public final class BlockKey implements Comparable<BlockKey> {
  /** Bytes of a key. */
  public static final int BYTES = 32;

  private final long first;
  private final long second;
  private final long third;
  private final long fourth;

  private BlockKey(long first, long second, long third, long fourth) {
    this.first = first;
    this.second = second;
    this.third = third;
    this.fourth = fourth;
  }

  /**
   * Reads a key.
   *
   * @param bytes where it lies
   * @param offset index of its first byte
   * @return the key
   * @throws IndexOutOfBoundsException if there are fewer than 32 bytes
   */
  public static BlockKey of(byte[] bytes, int offset) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, BYTES);
    return new BlockKey(buffer.getLong(), buffer.getLong(), buffer.getLong(), buffer.getLong());
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @param hex 64 hexadecimal digits
   * @return the key
   * @throws IllegalArgumentException if it is anything else
   */
  public static BlockKey parse(String hex) {
    if (hex.length() != 2 * BYTES) {
      throw new IllegalArgumentException("a key has 64 digits: length=" + hex.length());
    }
    return of(HexFormat.of().parseHex(hex), 0);
  }

  /**
   * Writes the key.
   *
   * @param target where to
   * @param offset index of its first byte
   * @throws IndexOutOfBoundsException if there are fewer than 32 bytes
   */
  public void copyTo(byte[] target, int offset) {
    ByteBuffer buffer = ByteBuffer.wrap(target, offset, BYTES);
    buffer.putLong(first).putLong(second).putLong(third).putLong(fourth);
  }

  /**
   * The key as bytes.
   *
   * @return 32 bytes, the caller's
   */
  public byte[] toBytes() {
    byte[] bytes = new byte[BYTES];
    copyTo(bytes, 0);
    return bytes;
  }

  /** A quarter of the bits, none of which is in the hash code. */
  long lowBits() {
    return fourth;
  }

  @Override
  public int compareTo(BlockKey other) {
    int order = Long.compareUnsigned(first, other.first);
    order = order != 0 ? order : Long.compareUnsigned(second, other.second);
    order = order != 0 ? order : Long.compareUnsigned(third, other.third);
    return order != 0 ? order : Long.compareUnsigned(fourth, other.fourth);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockKey key
        && first == key.first
        && second == key.second
        && third == key.third
        && fourth == key.fourth;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(first); // a hash already
  }

  /** The key as 64 hexadecimal digits. */
  @Override
  public String toString() {
    return HexFormat.of().formatHex(toBytes());
  }
}
