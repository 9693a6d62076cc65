package dev.pagoda.lab.experiment;

import dev.pagoda.block.BlockStatistics;
import dev.pagoda.decoding.BeamOptions;
import dev.pagoda.decoding.BeamSearch;
import dev.pagoda.decoding.LogProbRows;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.workload.Request;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** What beams over shared blocks need, against beams that each have their own. */
final class BeamSearchExperiment implements Experiment {
  static final int PROMPT_TOKENS = 50;
  static final int NEW_TOKENS = 20;
  static final int BLOCK_SIZE = 16;

  private static final int[] WIDTHS = {2, 4, 6, 8};
  private static final int VOCAB_SIZE = 32;

  /** Spread of the random logits: how sure of itself the made-up model is. */
  private static final double LOGIT_DEVIATION = 6;

  @Override
  public String title() {
    return "Beam search";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 1 : 3;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return BeamSearchSection.of(number, measure(conditions), conditions);
  }

  static BeamSearchResult measure(Conditions conditions) {
    List<BeamSearchResult.Divergent> divergent = new ArrayList<>();
    for (int width : WIDTHS) {
      divergent.add(diverge(width));
    }
    List<BeamSearchResult.Searched> searched = new ArrayList<>();
    List<Request> alpaca = Workload.ALPACA.requests(conditions.either(60, 100), conditions.seed());
    List<Request> shareGpt =
        Workload.SHARE_GPT.requests(conditions.either(8, 30), conditions.seed());
    double[] published = {0.3756, 0.5313, 0.5516, Double.NaN};
    for (int i = 0; i < WIDTHS.length; i++) {
      searched.add(search("Alpaca", alpaca, WIDTHS[i], conditions.seed(), published[i]));
      conditions.progress().accept((i + 0.2) / WIDTHS.length);
      searched.add(search("ShareGPT", shareGpt, WIDTHS[i], conditions.seed(), Double.NaN));
      conditions.progress().accept((i + 1.0) / WIDTHS.length);
    }
    return new BeamSearchResult(divergent, searched);
  }

  /** Every beam is sure of its next token, so all of them live on. */
  static BeamSearchResult.Divergent diverge(int width) {
    int numBlocks = width * Math.ceilDiv(PROMPT_TOKENS + NEW_TOKENS, BLOCK_SIZE);
    // The last choice is not fed to the model any more: one more than are in the cache.
    BeamOptions options = BeamOptions.of(width, NEW_TOKENS + 1);
    try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE);
        BeamSearch search = BeamSearch.of(narrow.prompt(PROMPT_TOKENS), options)) {
      search.advance((beam, token) -> -1 - token, width);
      for (int i = 0; i < NEW_TOKENS; i++) {
        if (i > 0) {
          search.advance((beam, token) -> token == 0 ? 0 : Float.NEGATIVE_INFINITY, width);
        }
        search.appendTo(narrow.step());
        narrow.commit();
      }
      BlockStatistics blocks = narrow.cache().statistics().blocks();
      return new BeamSearchResult.Divergent(
          width, narrow.sharing(), blocks.peakUsed(), search.numForks(), search.numBlockCopies());
    }
  }

  private static BeamSearchResult.Searched search(
      String workload, List<Request> requests, int width, long seed, double publishedSaved) {
    Random random = new Random(seed);
    SharingCount sharing = SharingCount.NOTHING;
    long numReplaced = 0;
    long numContinued = 0;
    long numCopies = 0;
    long numForks = 0;
    long numSteps = 0;
    for (Request request : requests) {
      int numBlocks = width * (Math.ceilDiv(request.totalTokens(), BLOCK_SIZE) + 1);
      BeamOptions options = BeamOptions.of(width, request.outputTokens());
      try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE);
          BeamSearch search = BeamSearch.of(narrow.prompt(request.promptTokens()), options)) {
        search.advance(randomScores(1, random), VOCAB_SIZE);
        while (!search.isDone()) {
          search.appendTo(narrow.step());
          narrow.commit();
          sharing = sharing.plus(narrow.sharing());
          numSteps++;
          search.advance(randomScores(width, random), VOCAB_SIZE);
          numReplaced += numReplaced(search.lastParents());
          numContinued += width;
        }
        numCopies += search.numBlockCopies();
        numForks += search.numForks();
      }
    }
    return new BeamSearchResult.Searched(
        workload,
        width,
        sharing,
        (double) numReplaced / numContinued,
        (double) numCopies / (numSteps * width),
        (double) numForks / numSteps,
        publishedSaved);
  }

  /** Log probabilities of independent Gaussian logits. */
  private static LogProbRows randomScores(int numBeams, Random random) {
    float[] scores = new float[numBeams * VOCAB_SIZE];
    for (int beam = 0; beam < numBeams; beam++) {
      double sum = 0;
      double[] logits = new double[VOCAB_SIZE];
      for (int token = 0; token < VOCAB_SIZE; token++) {
        logits[token] = LOGIT_DEVIATION * random.nextGaussian();
        sum += Math.exp(logits[token]);
      }
      for (int token = 0; token < VOCAB_SIZE; token++) {
        scores[beam * VOCAB_SIZE + token] = (float) (logits[token] - Math.log(sum));
      }
    }
    return (beam, token) -> Math.min(0f, scores[beam * VOCAB_SIZE + token]);
  }

  /** Beams that were dropped: parents that nobody continues, order aside. */
  private static int numReplaced(int[] parents) {
    boolean[] continued = new boolean[parents.length];
    int numDistinct = 0;
    for (int parent : parents) {
      if (parent < continued.length && !continued[parent]) {
        continued[parent] = true;
        numDistinct++;
      }
    }
    return parents.length - numDistinct;
  }
}
