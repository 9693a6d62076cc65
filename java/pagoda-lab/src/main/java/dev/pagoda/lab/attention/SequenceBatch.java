package dev.pagoda.lab.attention;

/**
 * Sequences that tokens are appended to and attended over. Where their keys and values lie is what
 * implementations differ in.
 */
public interface SequenceBatch extends AutoCloseable {
  /**
   * Sequences.
   *
   * @return how many, fixed
   */
  int numSequences();

  /**
   * Appends the same number of tokens to every sequence and computes their attention.
   *
   * @param queryLength tokens per sequence, at least 1
   * @param rows sequence after sequence, {@code numSequences * queryLength} rows
   */
  void forward(int queryLength, TokenRows rows);

  /**
   * Appends tokens to every sequence, one sequence after the other and without attention: a past to
   * attend over.
   *
   * @param numTokens tokens per sequence
   * @param rows keys and values, used again and again until there are enough
   */
  void fill(int numTokens, TokenRows rows);

  /**
   * Drops the last tokens of every sequence.
   *
   * @param length tokens to keep
   */
  void truncate(int length);

  /** Gives the sequences back. */
  @Override
  void close();
}
