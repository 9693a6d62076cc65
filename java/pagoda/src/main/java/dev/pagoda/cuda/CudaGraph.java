package dev.pagoda.cuda;

/**
 * Work of a step that was recorded and can be queued again at the cost of one launch. Closing twice
 * is an {@link IllegalStateException}.
 */
public interface CudaGraph extends AutoCloseable {
  /**
   * Sequences that it was captured with.
   *
   * @return number of sequences
   */
  int numSeqs();

  /**
   * Tokens that it was captured with.
   *
   * @return number of tokens
   */
  int numTokens();

  /** Destroys it, once all work queued before has passed. */
  @Override
  void close();
}
