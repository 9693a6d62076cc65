package dev.pagoda.lab.workload;

/** What is known about the tokens of prompts, which decides what they have in common. */
public sealed interface PromptContent {
  /**
   * The tokens of a prompt.
   *
   * @param index which request
   * @param promptTokens how long its prompt is
   * @return {@code promptTokens} ids; equal ids at equal places are equal tokens
   */
  int[] tokenIds(int index, int promptTokens);

  /** Nothing is known: no two prompts have anything in common. */
  record Unknown() implements PromptContent {
    @Override
    public int[] tokenIds(int index, int promptTokens) {
      int[] ids = new int[promptTokens];
      for (int i = 0; i < promptTokens; i++) {
        ids[i] = token(~(long) index, i);
      }
      return ids;
    }
  }

  /** The ids themselves, one array per request; shared, not to be changed. */
  final class TokenIds implements PromptContent {
    private final int[][] ids;

    /**
     * Knows all prompts.
     *
     * @param ids one array per request
     */
    public TokenIds(int[][] ids) {
      this.ids = ids;
    }

    @Override
    public int[] tokenIds(int index, int promptTokens) {
      return ids[index];
    }
  }

  /**
   * Ids of runs of tokens, as published traces have them: an id stands for its run and all before
   * it, the last run may be short. A prompt that is longer than its ids ends in tokens of its own.
   */
  final class HashIds implements PromptContent {
    private final long[][] ids;
    private final int tokensPerHash;

    /**
     * Knows what prompts have in common.
     *
     * @param ids one array per request; shared, not to be changed
     * @param tokensPerHash tokens of a run, at least 1
     */
    public HashIds(long[][] ids, int tokensPerHash) {
      if (tokensPerHash < 1) {
        throw new IllegalArgumentException(
            "a hash id stands for at least one token: tokensPerHash=" + tokensPerHash);
      }
      this.ids = ids;
      this.tokensPerHash = tokensPerHash;
    }

    @Override
    public int[] tokenIds(int index, int promptTokens) {
      int[] tokens = new int[promptTokens];
      long[] runs = ids[index];
      for (int i = 0; i < promptTokens; i++) {
        int run = i / tokensPerHash;
        tokens[i] =
            run < runs.length ? token(runs[run], i % tokensPerHash) : token(~(long) index, i);
      }
      return tokens;
    }
  }

  /** Spreads (run, place) over the ids that tokens may have. */
  private static int token(long run, int place) {
    long mixed = (run * 0x9e3779b97f4a7c15L + place) * 0xbf58476d1ce4e5b9L;
    return (int) (mixed >>> 33);
  }
}
