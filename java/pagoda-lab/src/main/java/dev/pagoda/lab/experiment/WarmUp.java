package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.TokenRows;
import java.util.function.DoubleConsumer;

/**
 * Keeps the backend busy until the JVM has compiled its kernels: before that a step takes hundreds
 * of times as long, and whoever is measured first would pay for all.
 */
final class WarmUp {
  private static final int PROMPT_TOKENS = 192;
  private static final int DECODE_STEPS = 16;
  private static final int PASSES_MIN = 10;

  private WarmUp() {}

  /**
   * Prefills and decodes until it gets no faster, or for so long.
   *
   * @param backend what computes
   * @param nanosMax at most so long
   * @param progress told the share of the time that has passed
   */
  static void run(Backend backend, long nanosMax, DoubleConsumer progress) {
    int longest = PROMPT_TOKENS + DECODE_STEPS;
    TokenRows prompt =
        TokenRows.random(PROMPT_TOKENS, NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, 1);
    TokenRows token = TokenRows.random(1, NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, 2);
    try (PagedRig rig = new PagedRig.Plan(backend, 16, 1, longest).shuffled(Workers.caller(), 1)) {
      long start = System.nanoTime();
      long best = Long.MAX_VALUE;
      int passesSinceBest = 0;
      while (passesSinceBest < PASSES_MIN && System.nanoTime() - start < nanosMax) {
        long before = System.nanoTime();
        rig.batch().forward(PROMPT_TOKENS, prompt);
        for (int i = 0; i < DECODE_STEPS; i++) {
          rig.batch().forward(1, token);
        }
        rig.batch().truncate(0);
        long nanos = System.nanoTime() - before;
        passesSinceBest = nanos < 0.9 * best ? 0 : passesSinceBest + 1;
        best = Math.min(best, nanos);
        progress.accept((double) (System.nanoTime() - start) / nanosMax);
      }
    }
  }
}
