package dev.pagoda;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.pagoda.block.BlockPool;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Of several threads that change the level one answers for all: the last level is told. Planted: it
 * answers for those who came before it looked, and forgets those who came since.
 */
@JCStressTest
@Outcome(id = "1", expect = ACCEPTABLE, desc = "high, as it is")
@Outcome(id = "0", expect = FORBIDDEN, desc = "low, as it was")
@State
public class WatermarkWatchStress {
  private final CacheLock lock = new CacheLock();
  private final BlockPool pool = new BlockPool(4);
  private int told; // plain: told by one thread at a time
  private final WatermarkWatch watch =
      new WatermarkWatch(
          lock,
          pool,
          new Watermarks(0.3, 0.5),
          (level, blocks) -> told = level == Watermarks.Level.HIGH ? 1 : 0) {
        @Override
        int leave(int answered) {
          PlantedBug.widenTheGap();
          int unanswered = super.leave(answered);
          return PlantedBug.IS_IN ? 0 : unanswered;
        }
      };

  private void take() {
    var _ = pool.allocate();
    watch.update();
  }

  /** The first block of two. */
  @Actor
  public void one() {
    take();
  }

  /** The other, with which the mark is reached. */
  @Actor
  public void other() {
    take();
  }

  /** What was told last. */
  @Arbiter
  public void arbiter(I_Result result) {
    result.r1 = told;
  }
}
