package dev.pagoda.prefix;

import java.util.Arrays;

/**
 * A full block of tokens, as prefix caches and the tiers below them know it.
 *
 * <p>Immutable. Two are equal if their keys, parents and token ids are.
 */
public final class PrefixBlock {
  /** No block: no tokens, a key of zeros. */
  public static final PrefixBlock NONE = none();

  private final BlockKey key;
  private final BlockKey parentKey;
  private final Namespace namespace;
  private final int blockIndex;
  private final int[] tokenIds;

  PrefixBlock(
      BlockKey key, BlockKey parentKey, Namespace namespace, int blockIndex, int[] tokenIds) {
    this.key = key;
    this.parentKey = parentKey;
    this.namespace = namespace;
    this.blockIndex = blockIndex;
    this.tokenIds = tokenIds;
  }

  private static PrefixBlock none() {
    BlockKey zeros = BlockKey.of(new byte[BlockKey.BYTES], 0);
    return new PrefixBlock(zeros, zeros, Namespace.COMMON, -1, new int[0]);
  }

  /**
   * What its content depends on.
   *
   * @return the key
   */
  public BlockKey key() {
    return key;
  }

  /**
   * The key of the block before it; of the first one, the key of its namespace.
   *
   * @return the parent's key
   */
  public BlockKey parentKey() {
    return parentKey;
  }

  /**
   * Who may reuse it.
   *
   * @return the namespace
   */
  public Namespace namespace() {
    return namespace;
  }

  /**
   * Its position in its sequences.
   *
   * @return block index, from 0
   */
  public int blockIndex() {
    return blockIndex;
  }

  /**
   * Its tokens, to be compared wherever it is found by its key.
   *
   * @return {@code blockSize} ids; a copy
   */
  public int[] tokenIds() {
    return tokenIds.clone();
  }

  /** The ids themselves, not to be changed. */
  int[] ids() {
    return tokenIds;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PrefixBlock block
        && key.equals(block.key)
        && parentKey.equals(block.parentKey)
        && Arrays.equals(tokenIds, block.tokenIds);
  }

  @Override
  public int hashCode() {
    return key.hashCode();
  }

  @Override
  public String toString() {
    return "PrefixBlock[namespace="
        + namespace.name()
        + ", blockIndex="
        + blockIndex
        + ", numTokens="
        + tokenIds.length
        + ", key="
        + key
        + "]";
  }
}
