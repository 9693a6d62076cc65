package dev.pagoda.decoding;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Beam search: the likeliest continuations of a prompt, over beams that share its blocks.
 *
 * <pre>
 *   BeamSearch search = BeamSearch.of(prompt, options);
 *   search.advance(log probabilities behind the prompt, vocabSize);      one row
 *   while (!search.isDone()) {
 *     search.appendTo(step).begin();                                    one row per beam
 *     ... the model runs over search.lastTokens() and commits the step ...
 *     search.advance(log probabilities, vocabSize);
 *   }
 *   search.best()
 * </pre>
 *
 * <p>Each advance ranks all (beam, token) pairs by the sum of log probabilities; of equal ones the
 * lower beam comes first, then the lower token. Looked at are the best {@code width * (1 + end
 * tokens)}, at least {@code 2 * width}: however many of them end, {@code width} others are left.
 * Those that end in an end token become hypotheses, of the rest the best {@code width} live on.
 * Tokens of probability 0 are never chosen, so there can be fewer.
 *
 * <p>Hypotheses are ranked by {@code logProb / length^lengthPenalty}, the length counting new
 * tokens and the end token; of equal ones the earlier one comes first. The search is done when
 * there are {@code width} of them and no live beam can still reach a higher score than the worst;
 * when beams have {@code maxNewTokens}, which makes them unfinished hypotheses; or when no beam is
 * left. All beams are closed then.
 *
 * <p>Owns its beams and frees their blocks at the latest in {@link #close}; closing twice is
 * allowed. Threads: one at a time.
 */
public final class BeamSearch implements AutoCloseable {
  /** How far above 0 rounding may put a log probability; logits are soon beyond. */
  private static final float LOG_PROB_MAX = 1e-3f;

  private static final Comparator<BeamHypothesis> BEST_FIRST =
      Comparator.comparingDouble(BeamHypothesis::score).reversed();

  private final BeamOptions options;
  private final ForkGroup group;
  private final int promptLength;
  private List<Beam> beams = List.of(new Beam(List.of(), 0));
  private List<BeamHypothesis> finished = List.of();
  private int[] lastParents = {};
  private boolean done;

  /** What a live beam has said; its last token is not in the cache yet. */
  private record Beam(List<Integer> tokens, double logProb) {
    Beam append(BeamCandidate candidate) {
      List<Integer> longer = Stream.concat(tokens.stream(), Stream.of(candidate.token())).toList();
      return new Beam(longer, candidate.logProb());
    }
  }

  private BeamSearch(ForkGroup group, int promptLength, BeamOptions options) {
    this.group = group;
    this.promptLength = promptLength;
    this.options = options;
  }

  /**
   * Starts a search.
   *
   * @param prompt an idle sequence that holds the whole prompt
   * @param options how the search goes
   * @return the search, owned by the caller
   * @throws IllegalStateException if the prompt is closed, parked or in a step; it stays the
   *     caller's
   */
  public static BeamSearch of(KvSequence prompt, BeamOptions options) {
    ForkGroup group = ForkGroup.of(prompt, 1, options.promptHandle());
    return new BeamSearch(group, prompt.length(), options);
  }

  /**
   * Whether the search has ended. Its beams are closed then, and {@link #hypotheses} is final.
   *
   * @return true after the last advance, and after {@link #close}
   */
  public boolean isDone() {
    return done;
  }

  /**
   * The live beams, in the order of rows: one at first, later at most {@code width}.
   *
   * @return unmodifiable list, which later calls leave as it is
   */
  public List<KvSequence> beams() {
    return group.sequences();
  }

  /**
   * The token each live beam chose last: what to feed to the model next.
   *
   * @return one token per beam, in the order of {@link #beams}
   * @throws IllegalStateException if nothing was chosen yet, or the search is done
   */
  public int[] lastTokens() {
    requireStarted();
    return beams.stream().mapToInt(beam -> beam.tokens().getLast()).toArray();
  }

  /**
   * Which beam each live beam continues, for whatever else is kept per beam.
   *
   * @return indices into {@link #beams} before the last advance; a copy
   */
  public int[] lastParents() {
    return lastParents.clone();
  }

  /**
   * Plans to append each live beam's last token, one row per beam.
   *
   * @param step a step of the prompt's cache that has not begun
   * @return the step
   * @throws IllegalArgumentException if the step is another cache's
   * @throws IllegalStateException if nothing was chosen yet, the tokens are in the cache already,
   *     the search is done, or the step has begun
   */
  public Step appendTo(Step step) {
    requireStarted();
    requireCached(beams.getFirst().tokens().size() - 1);
    return group.appendTo(step);
  }

  /**
   * Chooses the next token of every beam. If it throws, nothing has changed.
   *
   * @param logProbs {@code [numBeams, vocabSize]} natural-log probabilities, row after row in the
   *     order of {@link #beams}; one row behind the prompt; may be longer
   * @param vocabSize tokens per row, at least 1
   * @throws IllegalArgumentException if the array is too short, or for the reasons of {@link
   *     #advance(LogProbRows, int)}
   * @throws IllegalStateException for the reasons of {@link #advance(LogProbRows, int)}
   */
  public void advance(float[] logProbs, int vocabSize) {
    requireLive();
    if (logProbs.length < (long) beams.size() * vocabSize) {
      throw new IllegalArgumentException(
          "each beam needs a row: numBeams="
              + beams.size()
              + ", vocabSize="
              + vocabSize
              + ", length="
              + logProbs.length);
    }
    advance((beam, token) -> logProbs[beam * vocabSize + token], vocabSize);
  }

  /**
   * Chooses the next token of every beam. If it throws, nothing has changed.
   *
   * @param rows {@code [numBeams, vocabSize]} natural-log probabilities, in the order of {@link
   *     #beams}; one row behind the prompt
   * @param vocabSize tokens per row, at least 1
   * @throws IllegalArgumentException if a number is NaN or above 0, or an end token is outside the
   *     vocabulary
   * @throws IllegalStateException if the search is done, the last tokens are not in the cache yet,
   *     or a beam is in a step, parked or closed
   */
  public void advance(LogProbRows rows, int vocabSize) {
    requireLive();
    requireCached(beams.getFirst().tokens().size());
    requireVocabulary(vocabSize);
    List<BeamCandidate> ended = new ArrayList<>();
    List<BeamCandidate> survivors = new ArrayList<>();
    for (BeamCandidate candidate : bestCandidates(rows, vocabSize)) {
      if (options.endTokens().contains(candidate.token())) {
        ended.add(candidate);
      } else if (survivors.size() < options.width()) {
        survivors.add(candidate);
      }
    }
    settle(ended, survivors);
  }

  private List<BeamCandidate> bestCandidates(LogProbRows rows, int vocabSize) {
    int perBeam = 1 + Math.max(1, options.endTokens().size());
    BestCandidates best = new BestCandidates(Math.multiplyExact(options.width(), perBeam));
    for (int beam = 0; beam < beams.size(); beam++) {
      double logProbSoFar = beams.get(beam).logProb();
      for (int token = 0; token < vocabSize; token++) {
        float logProb = rows.logProb(beam, token);
        if (!(logProb <= LOG_PROB_MAX)) {
          throw new IllegalArgumentException(
              "not a natural-log probability: beam="
                  + beam
                  + ", token="
                  + token
                  + ", logProb="
                  + logProb);
        }
        if (logProb != Float.NEGATIVE_INFINITY) {
          best.offer(logProbSoFar + logProb, beam, token);
        }
      }
    }
    return best.ranked();
  }

  /** Forks come first, as they alone can fail. */
  private void settle(List<BeamCandidate> ended, List<BeamCandidate> survivors) {
    List<BeamHypothesis> hypotheses = new ArrayList<>(finished);
    for (BeamCandidate candidate : ended) {
      hypotheses.add(hypothesis(beams.get(candidate.beam()).append(candidate), true));
    }
    List<BeamHypothesis> ranked = ranked(hypotheses);
    List<Beam> continued = survivors.stream().map(c -> beams.get(c.beam()).append(c)).toList();
    if (isBeaten(continued, ranked)) {
      continued = List.of();
    }
    boolean ends =
        continued.isEmpty() || continued.getFirst().tokens().size() == options.maxNewTokens();
    int[] parents = ends ? new int[0] : survivors.stream().mapToInt(BeamCandidate::beam).toArray();
    group.reassign(parents);
    finished = ranked;
    beams = continued;
    lastParents = parents;
    done = ends;
  }

  /** Whether nothing that could still be found would be among the best. */
  private boolean isBeaten(List<Beam> continued, List<BeamHypothesis> ranked) {
    if (continued.isEmpty() || ranked.size() < options.width()) {
      return false;
    }
    Beam likeliest = continued.getFirst();
    double attainable = options.attainableScore(likeliest.logProb(), likeliest.tokens().size());
    return attainable <= ranked.getLast().score();
  }

  private BeamHypothesis hypothesis(Beam beam, boolean isFinished) {
    double score = options.score(beam.logProb(), beam.tokens().size());
    return new BeamHypothesis(beam.tokens(), beam.logProb(), score, isFinished);
  }

  /** Sorting is stable: of equal hypotheses the earlier one stays ahead. */
  private List<BeamHypothesis> ranked(List<BeamHypothesis> hypotheses) {
    return hypotheses.stream().sorted(BEST_FIRST).limit(options.width()).toList();
  }

  /**
   * The best continuations found so far, finished ones and those of the live beams.
   *
   * @return at most {@code width} hypotheses, best first; none before the first advance
   */
  public List<BeamHypothesis> hypotheses() {
    Stream<BeamHypothesis> live =
        beams.stream()
            .filter(beam -> !beam.tokens().isEmpty())
            .map(beam -> hypothesis(beam, false));
    return ranked(Stream.concat(finished.stream(), live).toList());
  }

  /**
   * The best continuation found so far.
   *
   * @return the first of {@link #hypotheses}
   * @throws IllegalStateException if there is none
   */
  public BeamHypothesis best() {
    return hypotheses().stream()
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("nothing was found: numHypotheses=0"));
  }

  private void requireLive() {
    if (done) {
      throw new IllegalStateException("the search is done: numFinished=" + finished.size());
    }
  }

  private void requireStarted() {
    requireLive();
    if (beams.getFirst().tokens().isEmpty()) {
      throw new IllegalStateException("nothing was chosen yet, advance first: numNewTokens=0");
    }
  }

  /** Beams grow in step, so that their lengths say whether the chosen tokens were committed. */
  private void requireCached(int numNewTokens) {
    for (KvSequence sequence : group.sequences()) {
      if (sequence.length() != promptLength + numNewTokens) {
        throw new IllegalStateException(
            "advance and committed appends take turns: expectedLength="
                + (promptLength + numNewTokens)
                + ", sequence="
                + sequence);
      }
    }
  }

  private void requireVocabulary(int vocabSize) {
    if (vocabSize < 1) {
      throw new IllegalArgumentException(
          "a vocabulary has at least one token: vocabSize=" + vocabSize);
    }
    for (int endToken : options.endTokens()) {
      if (endToken >= vocabSize) {
        throw new IllegalArgumentException(
            "an end token is outside the vocabulary: vocabSize="
                + vocabSize
                + ", endToken="
                + endToken);
      }
    }
  }

  /**
   * Beams made by forking.
   *
   * @return number of forks since the prompt
   */
  public long numForks() {
    return group.numForks();
  }

  /**
   * Blocks copied because beams wrote into one that was shared.
   *
   * @return number of block copies since the prompt, of former beams too, of nobody else
   */
  public long numBlockCopies() {
    return group.numBlockCopies();
  }

  /**
   * Ends the search and closes its beams; what was found stays.
   *
   * @throws IllegalStateException if a beam is in a step: commit or close the step, then close
   *     again
   */
  @Override
  public void close() {
    done = true;
    group.close();
  }

  @Override
  public String toString() {
    return "BeamSearch[done="
        + done
        + ", numBeams="
        + group.size()
        + ", numFinished="
        + finished.size()
        + ", group="
        + group
        + "]";
  }
}
