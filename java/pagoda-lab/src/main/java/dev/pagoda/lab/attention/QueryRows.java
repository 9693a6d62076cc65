package dev.pagoda.lab.attention;

/**
 * The last tokens of one sequence, and where their attention goes.
 *
 * @param queries {@code [rows, numQueryHeads, keyHeadDim]}
 * @param output {@code [rows, numQueryHeads, valueHeadDim]}, overwritten
 * @param firstRow row of the sequence's first query in both arrays
 * @param queryLength queries of the sequence; the last one stands at its context's end
 */
@SuppressWarnings("ArrayRecordComponent") // a view of arrays, which nobody compares
public record QueryRows(float[] queries, float[] output, int firstRow, int queryLength) {
  /**
   * Takes whole arrays.
   *
   * @param queries {@code [queryLength, numQueryHeads, keyHeadDim]}
   * @param output {@code [queryLength, numQueryHeads, valueHeadDim]}, overwritten
   * @param queryLength queries
   * @return the rows
   */
  public static QueryRows of(float[] queries, float[] output, int queryLength) {
    return new QueryRows(queries, output, 0, queryLength);
  }
}
