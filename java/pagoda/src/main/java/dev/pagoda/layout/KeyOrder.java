package dev.pagoda.layout;

/** How the keys of one (block, KV head) tile lie. Values are always token after token. */
public enum KeyOrder {
  /** {@code [blockSize, keyHeadDim]}: a key's elements are neighbours. */
  TOKEN_MAJOR,

  /**
   * {@code [keyHeadDim, blockSize]}: equal elements of neighbouring tokens are neighbours, so that
   * a vector lane is a token and scores need no sum across lanes. The order of the CPU backends.
   */
  DIM_MAJOR
}
