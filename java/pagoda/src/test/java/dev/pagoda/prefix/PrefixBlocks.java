package dev.pagoda.prefix;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Blocks that no cache has made, for tests of the tiers below one. */
public final class PrefixBlocks {
  private PrefixBlocks() {}

  /** The block that a number stands for; its key and tokens follow from it. */
  public static PrefixBlock block(long number, int blockIndex, int blockSize) {
    int[] tokenIds = new int[blockSize];
    for (int i = 0; i < blockSize; i++) {
      tokenIds[i] = (int) (number * 31 + i);
    }
    return new PrefixBlock(
        key("block", number), key("block", number - 1), Namespace.COMMON, blockIndex, tokenIds);
  }

  /** The same key with other tokens: what never happens unless a hash is broken. */
  public static PrefixBlock impostor(PrefixBlock block) {
    int[] tokenIds = block.tokenIds();
    tokenIds[tokenIds.length - 1]++;
    return new PrefixBlock(
        block.key(), block.parentKey(), block.namespace(), block.blockIndex(), tokenIds);
  }

  private static BlockKey key(String domain, long number) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(domain.getBytes(StandardCharsets.UTF_8));
      return BlockKey.of(sha256.digest(ByteBuffer.allocate(8).putLong(number).array()), 0);
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }
}
