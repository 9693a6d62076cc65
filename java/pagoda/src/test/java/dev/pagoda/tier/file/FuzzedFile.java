package dev.pagoda.tier.file;

import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * How a fuzzer's bytes become a file, and what a file's block is in a cache.
 *
 * <p>The first byte says what to make right, for no fuzzer guesses a checksum: bit 0 the checksums,
 * bit 1 the declared length, before them. The rest is the file.
 */
final class FuzzedFile {
  private static final int SEALED = 1;
  private static final int LENGTH = 2;

  /** Most bytes that reading may allocate on the heap besides some multiple of the file. */
  private static final long ALLOCATED_BYTES_MAX = 1 << 20;

  private FuzzedFile() {}

  static byte[] of(byte[] input) {
    if (input.length == 0) {
      return input;
    }
    byte[] file = Arrays.copyOfRange(input, 1, input.length);
    if ((input[0] & LENGTH) != 0 && file.length >= FileHeader.BYTES) {
      ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(24, file.length);
    }
    return (input[0] & SEALED) != 0 ? HeaderSurgery.sealedAsDeclared(file) : file;
  }

  /** A sound file as an input, to be taken as it is or with its sums made right. */
  static byte[] seed(byte[] file, boolean sealed) {
    byte[] input = new byte[file.length + 1];
    input[0] = (byte) (sealed ? SEALED | LENGTH : 0);
    System.arraycopy(file, 0, input, 1, file.length);
    return input;
  }

  static int intAt(byte[] file, int offset) {
    return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
  }

  /** A file's words with others in place of some; a header's or an index's. */
  static byte[] with(byte[] file, UnaryOperator<ByteBuffer> change) {
    byte[] changed = file.clone();
    var _ = change.apply(ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN));
    return changed;
  }

  /** The bytes that a block of a file has in a cache, key tiles turned where they lie otherwise. */
  static byte[] inCache(PlainFile file, int number, KvLayout here) {
    byte[] block = file.blocks()[number].clone();
    boolean asHere = file.tokenMajor() == (here.keyOrder() == KeyOrder.TOKEN_MAJOR);
    if (asHere) {
      return block;
    }
    KeyOrder other = file.tokenMajor() ? KeyOrder.TOKEN_MAJOR : KeyOrder.DIM_MAJOR;
    KvLayout there = new KvLayout(here.shape(), other);
    for (int layer = 0; layer < here.shape().numLayers(); layer++) {
      LayerShape shape = here.shape().layer(layer);
      for (int head = 0; head < shape.numKvHeads(); head++) {
        int tile = (int) here.keyTileOffset(0, layer, head);
        for (int token = 0; token < here.shape().blockSize(); token++) {
          for (int dim = 0; dim < shape.keyHeadDim(); dim++) {
            System.arraycopy(
                file.blocks()[number],
                tile + place(there, layer, token, dim),
                block,
                tile + place(here, layer, token, dim),
                shape.keyDType().byteSize());
          }
        }
      }
    }
    return block;
  }

  private static int place(KvLayout layout, int layer, int token, int dim) {
    return (int)
        (token * layout.keyTokenStrideBytes(layer) + dim * layout.keyDimStrideBytes(layer));
  }

  /** More was allocated than a file has a right to. */
  static final class Immodest extends AssertionError {
    private static final long serialVersionUID = 1L;

    Immodest(long allocatedBytes, int numBytes) {
      super("too much was allocated: allocatedBytes=" + allocatedBytes + ", numBytes=" + numBytes);
    }
  }

  /** Throws if a reader read or allocated more than the file can fill. */
  static void requireModest(long largestRead, long allocatedBytes, byte[] file) {
    require(
        largestRead <= Math.max(file.length, FileHeader.BYTES),
        "a read was longer than the file: numBytes=" + file.length + ", read=" + largestRead);
    if (allocatedBytes > ALLOCATED_BYTES_MAX + 64L * file.length) {
      throw new Immodest(allocatedBytes, file.length);
    }
  }

  static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}
