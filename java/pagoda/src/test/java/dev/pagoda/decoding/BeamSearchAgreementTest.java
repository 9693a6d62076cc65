package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Beam search over a cache against a naive one on plain lists, which looks at every continuation
 * and never stops early. The model answers from what it reads in the cache's memory: a beam that
 * got another's tokens is answered differently.
 */
@Tag("any-backend")
class BeamSearchAgreementTest {
  private static final int NUM_CASES = 400;

  /** A case, drawn from a seed. */
  private record Case(
      long seed, int promptLength, int blockSize, int vocabSize, BeamOptions options, int coarse) {

    static Case draw(long seed) {
      RandomGenerator random = Seeds.generator(seed, "beam search case");
      int vocabSize = random.nextInt(1, 7);
      Set<Integer> endTokens = new HashSet<>();
      for (int i = random.nextInt(3); i > 0; i--) {
        endTokens.add(random.nextInt(vocabSize));
      }
      double[] penalties = {-1, 0, 0.5, 1, 2};
      BeamOptions options =
          new BeamOptions(
              random.nextInt(1, 7),
              random.nextInt(1, 8),
              penalties[random.nextInt(penalties.length)],
              endTokens,
              random.nextBoolean() ? PromptHandle.KEEP : PromptHandle.MOVE);
      return new Case(
          seed, random.nextInt(1, 12), random.nextInt(1, 6), vocabSize, options, random.nextInt(3));
    }

    /** What the model answers behind some tokens; with ties and impossible tokens in some cases. */
    float[] logProbs(List<Integer> tokens) {
      SplittableRandom random = new SplittableRandom(seed * 31 + tokens.hashCode());
      float[] logProbs = new float[vocabSize];
      for (int token = 0; token < vocabSize; token++) {
        double drawn = random.nextDouble();
        logProbs[token] =
            switch (coarse) {
              case 0 -> (float) Math.log(drawn);
              case 1 -> -(float) Math.ceil(3 * drawn);
              default -> drawn < 0.3 ? Float.NEGATIVE_INFINITY : -(float) drawn;
            };
      }
      return logProbs;
    }
  }

  private record Path(List<Integer> tokens, double logProb) {
    Path append(int token, double next) {
      List<Integer> longer = new ArrayList<>(tokens);
      longer.add(token);
      return new Path(longer, logProb + next);
    }
  }

  private static List<Integer> list(int[] tokens) {
    return Arrays.stream(tokens).boxed().toList();
  }

  private static final class NaiveBeamSearch {
    private final Case c;
    private final List<Integer> prompt;
    private final List<BeamHypothesis> hypotheses = new ArrayList<>();

    NaiveBeamSearch(Case c) {
      this.c = c;
      prompt = list(ReadableCache.ascending(c.promptLength()));
    }

    List<BeamHypothesis> run() {
      int perBeam = 1 + Math.max(1, c.options().endTokens().size());
      List<Path> live = List.of(new Path(prompt, 0));
      for (int time = 0; time < c.options().maxNewTokens(); time++) {
        List<Path> all = new ArrayList<>();
        for (Path path : live) {
          float[] logProbs = c.logProbs(path.tokens());
          for (int token = 0; token < c.vocabSize(); token++) {
            if (logProbs[token] != Float.NEGATIVE_INFINITY) {
              all.add(path.append(token, logProbs[token]));
            }
          }
        }
        all.sort(Comparator.comparingDouble(Path::logProb).reversed()); // stable
        List<Path> next = new ArrayList<>();
        for (Path path : all.stream().limit((long) c.options().width() * perBeam).toList()) {
          if (c.options().endTokens().contains(path.tokens().getLast())) {
            add(path, true);
          } else if (next.size() < c.options().width()) {
            next.add(path);
          }
        }
        live = next;
      }
      live.forEach(path -> add(path, false));
      hypotheses.sort(Comparator.comparingDouble(BeamHypothesis::score).reversed());
      return hypotheses.subList(0, Math.min(c.options().width(), hypotheses.size()));
    }

    private void add(Path path, boolean finished) {
      List<Integer> tokens = path.tokens().subList(prompt.size(), path.tokens().size());
      double score = path.logProb() / Math.pow(tokens.size(), c.options().lengthPenalty());
      hypotheses.add(new BeamHypothesis(tokens, path.logProb(), score, finished));
    }
  }

  @Test
  void itFindsWhatANaiveSearchFindsThatNeverStopsEarly() {
    int numStoppedEarly = 0;
    int numFinished = 0;
    for (long seed = 0; seed < NUM_CASES; seed++) {
      Case c = Case.draw(seed);
      List<BeamHypothesis> expected = new NaiveBeamSearch(c).run();
      int[] numAdvances = new int[1];

      List<BeamHypothesis> actual = search(c, numAdvances);

      assertThat(actual).as("%s", c).hasSameSizeAs(expected);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(actual.get(i)).as("hypothesis %d of %s", i, c).isEqualTo(expected.get(i));
      }
      numStoppedEarly += numAdvances[0] < c.options().maxNewTokens() ? 1 : 0;
      numFinished += expected.stream().anyMatch(BeamHypothesis::finished) ? 1 : 0;
    }
    assertThat(numStoppedEarly).as("cases that ended before maxNewTokens").isGreaterThan(50);
    assertThat(numFinished).as("cases with a finished hypothesis").isGreaterThan(50);
  }

  private static List<BeamHypothesis> search(Case c, int[] numAdvances) {
    try (ReadableCache memory = ReadableCache.open(c.blockSize(), 160)) {
      KvSequence prompt = memory.counting(c.promptLength());
      Step step = memory.cache().newStep();
      try (BeamSearch search = BeamSearch.of(prompt, c.options())) {
        while (!search.isDone()) {
          float[][] rows =
              search.beams().stream()
                  .map(beam -> c.logProbs(list(memory.tokensOf(beam))))
                  .toArray(float[][]::new);
          search.advance((beam, token) -> rows[beam][token], c.vocabSize());
          numAdvances[0]++;
          memory.cache().checkConservation();
          if (!search.isDone()) {
            memory.commit(search.appendTo(step), search.lastTokens());
            memory.cache().checkConservation();
          }
        }
        boolean kept = c.options().promptHandle() == PromptHandle.KEEP;
        assertThat(memory.cache().statistics().numSequences()).as("%s", c).isEqualTo(kept ? 1 : 0);
        assertThat(memory.cache().statistics().numForks()).isEqualTo(search.numForks());
        assertThat(memory.cache().statistics().numBlockCopies()).isEqualTo(search.numBlockCopies());
        return search.hypotheses();
      }
    }
  }
}
