package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/**
 * A tenant who measures how long {@link PrefixCache#open} takes learns nothing of what another one
 * has cached. What he could learn is the area under the ROC curve: the chance that a prompt of the
 * one kind takes longer than one of the other; one half is nothing, 1 or 0 is everything.
 *
 * <p>{@code dev.pagoda.test.probes} sets the number of probes.
 */
class TimingProbeTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 20261123);
  private static final int NUM_PROBES = Integer.getInteger("dev.pagoda.test.probes", 10_000);
  private static final int WARM_UP = 4_000;
  private static final int PROMPTS = 200; // of each kind
  private static final int BLOCK_SIZE = 16;
  private static final int PROMPT_TOKENS = 128 * BLOCK_SIZE + 1;
  private static final Namespace VICTIM = Namespace.of("anna");
  private static final Namespace PROBER = Namespace.of("bert");

  private record Probe(boolean isCached, long nanos) {}

  private static int[][] prompts(SplittableRandom random) {
    int[][] prompts = new int[PROMPTS][];
    Arrays.setAll(prompts, i -> random.ints(PROMPT_TOKENS, 0, 128_000).toArray());
    return prompts;
  }

  private static void publish(
      PagedKvCache cache, PrefixCache prefixes, Namespace namespace, int[][] prompts) {
    try (Step step = cache.newStep()) {
      for (int[] prompt : prompts) {
        try (TokenSequence tokens = prefixes.open(prompt, namespace)) {
          step.append(tokens.sequence(), tokens.numMissing()).begin();
          step.commit();
        }
      }
    }
  }

  private static long timeToOpen(PrefixCache prefixes, int[] prompt) {
    long start = System.nanoTime();
    TokenSequence tokens = prefixes.open(prompt, PROBER);
    long nanos = System.nanoTime() - start;
    tokens.close();
    return nanos;
  }

  /** Cached prompts and others in random order, so that nothing else tells them apart. */
  private static double areaUnderCurve(
      PrefixCache prefixes, int[][] cached, int[][] unknown, SplittableRandom random) {
    Probe[] probes = new Probe[NUM_PROBES];
    for (int i = -WARM_UP; i < NUM_PROBES; i++) {
      boolean isCached = random.nextBoolean();
      int[] prompt = (isCached ? cached : unknown)[random.nextInt(PROMPTS)];
      Probe probe = new Probe(isCached, timeToOpen(prefixes, prompt));
      if (i >= 0) {
        probes[i] = probe;
      }
    }
    return areaUnderCurve(probes);
  }

  /** Of all pairs of one cached and one unknown prompt, where the first takes longer; ties half. */
  private static double areaUnderCurve(Probe[] probes) {
    Probe[] sorted = probes.clone();
    Arrays.sort(sorted, Comparator.comparingLong(Probe::nanos));
    double pairs = 0;
    long unknownBefore = 0;
    long numCached = 0;
    for (int from = 0; from < sorted.length; ) {
      int to = from;
      long cachedHere = 0;
      for (; to < sorted.length && sorted[to].nanos == sorted[from].nanos; to++) {
        cachedHere += sorted[to].isCached ? 1 : 0;
      }
      long unknownHere = to - from - cachedHere;
      pairs += cachedHere * (unknownBefore + unknownHere / 2.0);
      unknownBefore += unknownHere;
      numCached += cachedHere;
      from = to;
    }
    return pairs / numCached / unknownBefore;
  }

  @Test
  void theAreaCountsPairs() {
    Probe[] probes = {
      new Probe(true, 3), new Probe(false, 1), new Probe(true, 1), new Probe(false, 2)
    };
    // (3, 1) and (3, 2) longer, (1, 1) a tie, (1, 2) shorter.
    assertThat(areaUnderCurve(probes)).isEqualTo(2.5 / 4);
  }

  @Test
  void onesOwnPromptIsToldApartByTimeAndAnotherTenantsIsNot(TestReporter reporter) {
    SplittableRandom random = new SplittableRandom(SEED);
    int[][] victims = prompts(random);
    int[][] own = prompts(random);
    int[][] unknown = prompts(random);
    KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(BLOCK_SIZE);
    int numBlocks = 2 * PROMPTS * PROMPT_TOKENS / BLOCK_SIZE + 1_000;
    try (PagedKvCache cache =
            PagedKvCache.open(shape, Backend.SCALAR, Capacity.counted(numBlocks));
        PrefixCache prefixes = PrefixCache.open(cache, PrefixSettings.of("model"))) {
      publish(cache, prefixes, VICTIM, victims);
      publish(cache, prefixes, PROBER, own);
      assertThat(prefixes.probe(victims[0], VICTIM).cachedTokens()).isEqualTo(PROMPT_TOKENS - 1);
      double control = areaUnderCurve(prefixes, own, unknown, random);
      double across = areaUnderCurve(prefixes, victims, unknown, random);
      String areas = "seed=" + SEED + ", own=" + control + ", of another tenant=" + across;
      reporter.publishEntry("areas under the curve", areas);
      assertThat(Math.max(control, 1 - control)).as(areas).isGreaterThan(0.95);
      assertThat(across).as(areas).isBetween(0.45, 0.55);
    }
  }
}
