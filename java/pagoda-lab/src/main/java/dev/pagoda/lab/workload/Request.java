package dev.pagoda.lab.workload;

/**
 * One prompt and the answer to it.
 *
 * @param promptTokens given at once, at least 1
 * @param outputTokens generated one by one, at least 1
 */
public record Request(int promptTokens, int outputTokens) {
  /** Refuses lengths that no request has. */
  public Request {
    if (promptTokens < 1 || outputTokens < 1) {
      throw new IllegalArgumentException(
          "a request has a prompt and an output: promptTokens="
              + promptTokens
              + ", outputTokens="
              + outputTokens);
    }
  }

  /**
   * Length at the end.
   *
   * @return prompt and output together
   */
  public int totalTokens() {
    return promptTokens + outputTokens;
  }
}
