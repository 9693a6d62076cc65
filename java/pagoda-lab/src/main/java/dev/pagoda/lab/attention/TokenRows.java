package dev.pagoda.lab.attention;

import dev.pagoda.layout.LayerShape;
import java.util.Arrays;
import java.util.Random;

/**
 * What one step of one layer computes on, row after row in heap arrays.
 *
 * @param queries {@code [numTokens, numQueryHeads, keyHeadDim]}
 * @param keys {@code [numTokens, numKvHeads, keyHeadDim]}
 * @param values {@code [numTokens, numKvHeads, valueHeadDim]}
 * @param output {@code [numTokens, numQueryHeads, valueHeadDim]}, overwritten
 */
@SuppressWarnings("ArrayRecordComponent") // a view of arrays, which nobody compares
public record TokenRows(float[] queries, float[] keys, float[] values, float[] output) {
  /**
   * Makes room.
   *
   * @param numTokens rows
   * @param numQueryHeads query heads
   * @param shape KV heads and head dims
   * @return rows of zeros
   */
  public static TokenRows allocate(int numTokens, int numQueryHeads, LayerShape shape) {
    return new TokenRows(
        new float[numTokens * numQueryHeads * shape.keyHeadDim()],
        new float[numTokens * shape.numKvHeads() * shape.keyHeadDim()],
        new float[numTokens * shape.numKvHeads() * shape.valueHeadDim()],
        new float[numTokens * numQueryHeads * shape.valueHeadDim()]);
  }

  /**
   * Rows there are.
   *
   * @param shape KV heads and head dims
   * @return number of tokens
   */
  public int numTokens(LayerShape shape) {
    return keys.length / (shape.numKvHeads() * shape.keyHeadDim());
  }

  /**
   * Makes rows of Gaussian numbers, as normalised activations have them.
   *
   * @param numTokens rows
   * @param numQueryHeads query heads
   * @param shape KV heads and head dims
   * @param seed same seed, same rows
   * @return queries, keys and values; the output is zero
   */
  public static TokenRows random(int numTokens, int numQueryHeads, LayerShape shape, long seed) {
    TokenRows rows = allocate(numTokens, numQueryHeads, shape);
    Random random = new Random(seed);
    for (float[] array : new float[][] {rows.queries, rows.keys, rows.values}) {
      for (int i = 0; i < array.length; i++) {
        array[i] = (float) random.nextGaussian();
      }
    }
    return rows;
  }

  /**
   * Some of the rows.
   *
   * @param from first row
   * @param to row behind the last one
   * @param numRows rows there are
   * @return copies, with an output of zeros
   */
  public TokenRows slice(int from, int to, int numRows) {
    float[] someQueries = slice(queries, from, to, numRows);
    return new TokenRows(
        someQueries,
        slice(keys, from, to, numRows),
        slice(values, from, to, numRows),
        new float[output.length / numRows * (to - from)]);
  }

  private static float[] slice(float[] array, int from, int to, int numRows) {
    int width = array.length / numRows;
    return Arrays.copyOfRange(array, from * width, to * width);
  }

  /**
   * These rows and others behind them.
   *
   * @param others rows of the same widths
   * @return copies, with an output of zeros
   */
  public TokenRows followedBy(TokenRows others) {
    return new TokenRows(
        concatenated(queries, others.queries),
        concatenated(keys, others.keys),
        concatenated(values, others.values),
        new float[output.length + others.output.length]);
  }

  private static float[] concatenated(float[] first, float[] second) {
    float[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
