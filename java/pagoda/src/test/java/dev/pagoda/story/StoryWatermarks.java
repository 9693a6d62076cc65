package dev.pagoda.story;

import dev.pagoda.PagedKvCache;
import dev.pagoda.Watermarks;
import dev.pagoda.block.BlockStatistics;
import java.util.SplittableRandom;

/** What watermark listeners were told, and should have been. */
final class StoryWatermarks {
  private final Watermarks marks;
  private final Outcomes outcomes;
  private Watermarks.Level level = Watermarks.Level.LOW;

  StoryWatermarks(SplittableRandom choice, Outcomes outcomes) {
    double high = choice.nextInt(1, 101) / 100.0;
    marks = new Watermarks(high * choice.nextInt(100) / 100.0, high);
    this.outcomes = outcomes;
  }

  /** Listens to a cache that was just opened. */
  void watch(PagedKvCache cache) {
    level = Watermarks.Level.LOW;
    var _ =
        cache.watch(
            marks,
            (reached, statistics) -> {
              Comparison.require(reached != level, "watermark level told twice", reached);
              level = reached;
              outcomes.count("watermark " + reached);
            });
  }

  /** Between the marks either level is right, depending on what came before. */
  void check(BlockStatistics real) {
    double taken = (double) (real.numBlocks() - real.numAvailable()) / real.numBlocks();
    Comparison.require(
        taken >= marks.high()
            ? level == Watermarks.Level.HIGH
            : taken > marks.low() || level == Watermarks.Level.LOW,
        "watermark level",
        level,
        taken,
        marks);
  }
}
