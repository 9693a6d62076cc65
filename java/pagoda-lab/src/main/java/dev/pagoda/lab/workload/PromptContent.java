package dev.pagoda.lab.workload;

import java.util.Objects;

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

  /**
   * The ids themselves.
   *
   * @param ids one array per request; shared, not to be changed
   */
  record TokenIds(int[][] ids) implements PromptContent {
    @Override
    public int[] tokenIds(int index, int promptTokens) {
      return ids[index];
    }
  }

  /**
   * Ids of runs of tokens, as published traces have them: an id stands for its run and all before
   * it, the last run may be short. A prompt that is longer than its ids ends in tokens of its own.
   *
   * @param ids one array per request; shared, not to be changed
   * @param tokensPerHash tokens of a run
   */
  record HashIds(long[][] ids, int tokensPerHash) implements PromptContent {
    /** Checks the run length. */
    public HashIds {
      Objects.requireNonNull(ids, "ids");
      if (tokensPerHash < 1) {
        throw new IllegalArgumentException(
            "a hash id stands for at least one token: tokensPerHash=" + tokensPerHash);
      }
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
