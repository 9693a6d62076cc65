package dev.pagoda.pressure;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.PrefillSample;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TokenFeeder;
import dev.pagoda.tier.TransferModel;
import dev.pagoda.tier.TransferSample;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Measures what moving blocks and computing tokens cost on this machine, with the application's own
 * model: a sequence of each length is computed, swapped out and in, and closed again.
 *
 * @param out one sample per length, moving out
 * @param in one sample per length, moving in
 * @param prefills one sample per length, computing
 */
public record PreemptionCalibration(
    List<TransferSample> out, List<TransferSample> in, List<PrefillSample> prefills) {
  private static final int REPEATS = 5;
  private static final int WARM_UPS = 2;

  /** Copies the lists. */
  public PreemptionCalibration {
    out = List.copyOf(out);
    in = List.copyOf(in);
    prefills = List.copyOf(prefills);
  }

  /**
   * Measures. Takes blocks of the cache and slots of the swap space for a while, and several times
   * as long as computing and moving all lengths once; of each the median counts.
   *
   * @param cache a cache with as many blocks available as the longest length takes
   * @param space its swap space, with as many slots
   * @param feeder computes tokens, any tokens; called with sequences that are empty
   * @param lengths lengths to measure at, at least two, that take different numbers of blocks; the
   *     wider apart, the better growth with the length is seen
   * @return the measurements
   * @throws IllegalArgumentException if there are too few lengths
   * @throws dev.pagoda.block.OutOfBlocksException if a length finds too few blocks or slots
   */
  public static PreemptionCalibration measure(
      PagedKvCache cache, SwapSpace space, TokenFeeder feeder, int... lengths) {
    if (Arrays.stream(lengths).map(cache.shape()::blocksFor).distinct().count() < 2) {
      throw new IllegalArgumentException(
          "two costs need two lengths in blocks at least: lengths=" + Arrays.toString(lengths));
    }
    long[][] outNanos = new long[lengths.length][REPEATS];
    long[][] inNanos = new long[lengths.length][REPEATS];
    long[][] feedNanos = new long[lengths.length][REPEATS];
    // In turns, after rounds that warm up, so that no length has the compiler to itself.
    for (int round = -WARM_UPS; round < REPEATS; round++) {
      for (int i = 0; i < lengths.length; i++) {
        try (KvSequence sequence = cache.newSequence(lengths[i])) {
          long start = System.nanoTime();
          feeder.feed(sequence, 0, lengths[i]);
          long fed = System.nanoTime();
          SwappedGroup group = space.swapOut(List.of(sequence));
          long swappedOut = System.nanoTime();
          try {
            space.swapIn(group);
          } catch (RuntimeException refused) {
            space.discard(group);
            throw refused;
          }
          if (round >= 0) {
            inNanos[i][round] = System.nanoTime() - swappedOut;
            outNanos[i][round] = swappedOut - fed;
            feedNanos[i][round] = fed - start;
          }
        }
      }
    }
    List<TransferSample> out = new ArrayList<>();
    List<TransferSample> in = new ArrayList<>();
    List<PrefillSample> prefills = new ArrayList<>();
    for (int i = 0; i < lengths.length; i++) {
      int numBlocks = cache.shape().blocksFor(lengths[i]);
      long bytes = cache.layout().poolBytes(numBlocks);
      out.add(new TransferSample(bytes, numBlocks, median(outNanos[i])));
      in.add(new TransferSample(bytes, numBlocks, median(inNanos[i])));
      prefills.add(PrefillSample.ofRun(0, lengths[i], median(feedNanos[i])));
    }
    return new PreemptionCalibration(out, in, prefills);
  }

  private static long median(long[] nanos) {
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    return Math.max(1, sorted[sorted.length / 2]);
  }

  /**
   * The cost model that fits the measurements. Where noise hides the growth, all of the time is put
   * on the bytes or tokens.
   *
   * @return the model
   */
  public PreemptionModel model() {
    return new PreemptionModel(transfer(out), transfer(in), prefill());
  }

  private static TransferModel transfer(List<TransferSample> samples) {
    try {
      return TransferModel.fitOneBlockSize(samples);
    } catch (IllegalArgumentException noise) {
      double bytes = samples.stream().mapToLong(TransferSample::bytes).sum();
      return new TransferModel(
          1e9 * bytes / samples.stream().mapToLong(TransferSample::nanos).sum(), 0);
    }
  }

  private PrefillModel prefill() {
    try {
      return PrefillModel.fit(prefills);
    } catch (IllegalArgumentException noise) {
      double tokens = prefills.stream().mapToLong(PrefillSample::numTokens).sum();
      double nanos = prefills.stream().mapToLong(PrefillSample::nanos).sum();
      return new PrefillModel(1e9 * tokens / nanos, 0, 0);
    }
  }
}
