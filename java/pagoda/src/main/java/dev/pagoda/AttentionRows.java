package dev.pagoda;

import dev.pagoda.memory.Rows;
import java.util.Objects;

/**
 * Where attention reads and writes, one row per token of the step.
 *
 * @param queries {@code [numTokens, numQueryHeads * keyHeadDim]}
 * @param output {@code [numTokens, numQueryHeads * valueHeadDim]}, overwritten
 * @param lse {@code [numTokens, numQueryHeads]}, overwritten with the natural log of the sum of
 *     exponentials; {@link Rows#none()} if not wanted
 */
public record AttentionRows(Rows queries, Rows output, Rows lse) {
  /** Checks that all are there. */
  public AttentionRows {
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(output, "output");
    Objects.requireNonNull(lse, "lse");
  }

  /**
   * Without LSE.
   *
   * @param queries {@code [numTokens, numQueryHeads * keyHeadDim]}
   * @param output {@code [numTokens, numQueryHeads * valueHeadDim]}, overwritten
   * @return the rows
   */
  public static AttentionRows of(Rows queries, Rows output) {
    return new AttentionRows(queries, output, Rows.none());
  }
}
