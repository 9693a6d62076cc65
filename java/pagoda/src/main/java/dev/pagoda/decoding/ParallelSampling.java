package dev.pagoda.decoding;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Several independent samples of one prompt, which they share.
 *
 * <p>Per token: the application draws a token for each live sample, {@link #appendTo} plans them
 * all in one step, and the step does the rest. Samples {@linkplain #finish finish} one by one, and
 * their blocks are free at once.
 *
 * <p>Owns its samples and frees their blocks at the latest in {@link #close}; closing twice is
 * allowed. Threads: one at a time.
 */
public final class ParallelSampling implements AutoCloseable {
  private static final int TOKENS_EXPECTED = 64;

  private static final int[] NONE = {};

  private final ForkGroup group;
  private final int promptLength;
  private int[] liveSamples;
  private final int[][] tokens;
  // Tokens handed to a step, kept or not; for finished samples: kept.
  private final int[] numTokens;

  private ParallelSampling(ForkGroup group, int promptLength) {
    this.group = group;
    this.promptLength = promptLength;
    int numSamples = group.size();
    liveSamples = IntStream.range(0, numSamples).toArray();
    tokens = new int[numSamples][TOKENS_EXPECTED];
    numTokens = new int[numSamples];
  }

  /**
   * Forks samples from a prompt, all or none.
   *
   * @param prompt an idle sequence
   * @param numSamples samples, at least 1
   * @param handle whether the prompt stays the caller's or becomes sample 0
   * @return the samples, owned by the caller
   * @throws IllegalArgumentException if {@code numSamples < 1}
   * @throws IllegalStateException if the prompt is closed, parked or in a step; it stays the
   *     caller's
   */
  public static ParallelSampling of(KvSequence prompt, int numSamples, PromptHandle handle) {
    ForkGroup group = ForkGroup.of(prompt, numSamples, handle);
    try {
      return new ParallelSampling(group, prompt.length());
    } catch (OutOfMemoryError full) {
      if (handle == PromptHandle.KEEP) {
        group.close();
      }
      throw full;
    }
  }

  /**
   * Samples that are not finished, in ascending order: the order of rows in a step.
   *
   * @return sample numbers; a copy
   */
  public int[] liveSamples() {
    return liveSamples.clone();
  }

  /**
   * The live samples' sequences, in the order of {@link #liveSamples}.
   *
   * @return unmodifiable list, which later calls leave as it is
   */
  public List<KvSequence> sequences() {
    return group.sequences();
  }

  /**
   * Plans to append one token to each live sample. The tokens belong to the samples' histories once
   * the step is committed.
   *
   * @param step a step of the prompt's cache that has not begun
   * @param nextTokens one token per live sample, in the order of {@link #liveSamples}
   * @return the step
   * @throws IllegalArgumentException if there are more or fewer tokens than live samples, or the
   *     step is another cache's
   * @throws IllegalStateException if the step has begun, or a sample has tokens that did not come
   *     through here
   */
  public Step appendTo(Step step, int... nextTokens) {
    if (nextTokens.length != liveSamples.length) {
      throw new IllegalArgumentException(
          "each live sample takes one token: numLive="
              + liveSamples.length
              + ", numTokens="
              + nextTokens.length);
    }
    for (int i = 0; i < liveSamples.length; i++) {
      int sample = liveSamples[i];
      int kept = numKept(i);
      if (kept == tokens[sample].length) {
        tokens[sample] = Arrays.copyOf(tokens[sample], 2 * kept);
      }
      tokens[sample][kept] = nextTokens[i];
      numTokens[sample] = kept + 1;
    }
    return group.appendTo(step);
  }

  /** The sequence's length says which of the tokens handed out were committed. */
  private int numKept(int liveIndex) {
    KvSequence sequence = group.sequences().get(liveIndex);
    int kept = sequence.length() - promptLength;
    int handedOut = numTokens[liveSamples[liveIndex]];
    if (kept < 0 || kept > handedOut) {
      throw new IllegalStateException(
          "the sample has tokens that were not appended here: numTokens="
              + handedOut
              + ", promptLength="
              + promptLength
              + ", sequence="
              + sequence);
    }
    return kept;
  }

  /**
   * What a sample has said so far, committed tokens only; also after it has finished.
   *
   * @param sample sample number
   * @return its tokens behind the prompt; a copy
   * @throws IllegalArgumentException if there is no such sample
   * @throws IllegalStateException if the sample has tokens that did not come through here
   */
  public int[] tokens(int sample) {
    int liveIndex = liveIndex(sample);
    return Arrays.copyOf(tokens[sample], liveIndex < 0 ? numTokens[sample] : numKept(liveIndex));
  }

  /**
   * Whether a sample is finished.
   *
   * @param sample sample number
   * @return true after {@link #finish} or {@link #close}
   * @throws IllegalArgumentException if there is no such sample
   */
  public boolean isFinished(int sample) {
    return liveIndex(sample) < 0;
  }

  /**
   * Ends a sample and frees the blocks that only it used.
   *
   * @param sample number of a live sample
   * @throws IllegalArgumentException if there is no such sample
   * @throws IllegalStateException if it is finished already, in a step or parked, or has tokens
   *     that did not come through here; nothing has changed
   */
  public void finish(int sample) {
    int liveIndex = liveIndex(sample);
    if (liveIndex < 0) {
      throw new IllegalStateException("the sample is finished already: sample=" + sample);
    }
    int kept = numKept(liveIndex);
    int[] others = Arrays.stream(liveSamples).filter(live -> live != sample).toArray();
    group.reassign(
        IntStream.range(0, liveSamples.length).filter(index -> index != liveIndex).toArray());
    numTokens[sample] = kept;
    liveSamples = others;
  }

  private int liveIndex(int sample) {
    if (sample < 0 || sample >= tokens.length) {
      throw new IllegalArgumentException(
          "no such sample: numSamples=" + tokens.length + ", sample=" + sample);
    }
    return Arrays.binarySearch(liveSamples, sample);
  }

  /**
   * Sequences made by forking.
   *
   * @return number of forks: one per sample, less one if the prompt moved
   */
  public long numForks() {
    return group.numForks();
  }

  /**
   * Blocks copied because samples wrote into one that was shared.
   *
   * @return number of block copies, of finished samples too, of nobody else
   */
  public long numBlockCopies() {
    return group.numBlockCopies();
  }

  /**
   * Ends all samples.
   *
   * @throws IllegalStateException if one is in a step: commit or close the step, then close again
   */
  @Override
  public void close() {
    for (int i = 0; i < liveSamples.length; i++) {
      int sample = liveSamples[i];
      int kept = group.sequences().get(i).length() - promptLength;
      numTokens[sample] = Math.clamp(kept, 0, numTokens[sample]);
    }
    try {
      group.close();
    } finally {
      // The group closes in order: what is left of it is the tail.
      int numClosed = liveSamples.length - group.size();
      liveSamples =
          numClosed == liveSamples.length
              ? NONE
              : Arrays.copyOfRange(liveSamples, numClosed, liveSamples.length);
    }
  }

  @Override
  public String toString() {
    return "ParallelSampling[numSamples="
        + tokens.length
        + ", numLive="
        + liveSamples.length
        + ", group="
        + group
        + "]";
  }
}
