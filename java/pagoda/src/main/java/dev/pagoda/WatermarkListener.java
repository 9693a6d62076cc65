package dev.pagoda;

import dev.pagoda.block.BlockStatistics;

/** Told when a cache becomes tight, and when it has room again. */
@FunctionalInterface
public interface WatermarkListener {
  /**
   * A mark was reached; called once until the other one is. By the thread that caused it, after its
   * call has done its work and outside every lock, so that this may use the cache; it should be
   * short. Never by two threads at once, and if the level changed to and fro meanwhile, only for
   * where it stands. What it throws is logged and goes no further.
   *
   * @param level the new level
   * @param blocks the pool's numbers when it was found
   */
  void reached(Watermarks.Level level, BlockStatistics blocks);
}
