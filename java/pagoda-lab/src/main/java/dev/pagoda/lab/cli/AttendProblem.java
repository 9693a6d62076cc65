package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.ElementType;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What one input file of {@code pagoda attend} asks for, checked: the numbers fit each other.
 *
 * <p>Sequences lie one after another. Sequence s has {@code sequences.get(s).queryLength()} rows of
 * queries and {@code contextLength()} rows of keys and values, behind those of the sequences before
 * it; its query i stands at position {@code contextLength - queryLength + i}.
 *
 * @param query {@code [numTokens, numQueryHeads, headDim]}
 * @param key {@code [numKvTokens, numKvHeads, headDim]}
 * @param value {@code [numKvTokens, numKvHeads, valueHeadDim]}
 * @param sequences lengths per sequence; they add up to numTokens and numKvTokens
 * @param alibiSlopes one per query head, or empty for none
 * @param sinks one per query head, or empty for none
 * @param settings the numbers of the metadata
 */
public record AttendProblem(
    Rows query,
    Rows key,
    Rows value,
    List<Lengths> sequences,
    List<Float> alibiSlopes,
    List<Float> sinks,
    Settings settings) {
  /** Copies the lists. */
  public AttendProblem {
    sequences = List.copyOf(sequences);
    alibiSlopes = List.copyOf(alibiSlopes);
    sinks = List.copyOf(sinks);
  }

  /**
   * Packed rows of numbers in the mapped file.
   *
   * @param type F32, F16 or BF16; query, key and value may differ
   * @param numTokens rows
   * @param numHeads heads per row, at least 1
   * @param headDim elements per head, 1 to 256
   * @param data {@code [numTokens, numHeads, headDim]}, little-endian, read-only, not necessarily
   *     aligned, open to all threads
   */
  public record Rows(
      ElementType type, int numTokens, int numHeads, int headDim, MemorySegment data) {}

  /**
   * Lengths of one sequence.
   *
   * @param queryLength tokens to compute, at least 0
   * @param contextLength tokens with keys and values, those to compute included, at least {@code
   *     queryLength}
   */
  public record Lengths(int queryLength, int contextLength) {}

  /**
   * What the metadata says, or leaves at its default.
   *
   * @param softmaxScale factor on the query-key products, finite
   * @param blockSize tokens per block, 1 to 256
   * @param causal whether a query sees nothing behind its own position
   * @param slidingWindow positions seen, the query's own included; 0 for no limit
   * @param logitsSoftCap bound of the scores, finite; 0 for none
   */
  public record Settings(
      float softmaxScale, int blockSize, boolean causal, int slidingWindow, float logitsSoftCap) {}
}
