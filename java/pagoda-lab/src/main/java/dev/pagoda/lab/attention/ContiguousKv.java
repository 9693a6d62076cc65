package dev.pagoda.lab.attention;

/**
 * Keys and values of one sequence, token after token in one piece of each array.
 *
 * @param keys {@code [tokens, numKvHeads, keyHeadDim]}
 * @param values {@code [tokens, numKvHeads, valueHeadDim]}
 * @param firstToken where in the arrays the sequence begins, in tokens
 * @param contextLength tokens of the sequence
 */
@SuppressWarnings("ArrayRecordComponent") // a view of arrays, which nobody compares
public record ContiguousKv(float[] keys, float[] values, int firstToken, int contextLength) {
  /**
   * Takes whole arrays.
   *
   * @param keys {@code [contextLength, numKvHeads, keyHeadDim]}
   * @param values {@code [contextLength, numKvHeads, valueHeadDim]}
   * @param contextLength tokens
   * @return the keys and values
   */
  public static ContiguousKv of(float[] keys, float[] values, int contextLength) {
    return new ContiguousKv(keys, values, 0, contextLength);
  }
}
