package dev.pagoda.internal.kernel;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.pagoda.PlantedBug;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A lent thread comes early, late or not at all: every unit runs once, none after the call has
 * returned, and what the lent thread wrote is seen by whoever called. Planted: a lent thread does
 * not ask at the door.
 */
@JCStressTest
@Outcome(id = "4, 4, 0", expect = ACCEPTABLE, desc = "all units, all seen, none too late")
@Outcome(expect = FORBIDDEN, desc = "a unit not run or run twice, not seen, or too late")
@State
public class ParallelUnitsStress {
  private static final int NUM_UNITS = 4;

  private final AtomicIntegerArray runs = new AtomicIntegerArray(NUM_UNITS);
  private final int[] written = new int[NUM_UNITS]; // plain, as rows of output are
  private volatile boolean returned;
  private volatile int numLate;

  private final ParallelUnits units =
      new ParallelUnits() {
        @Override
        public void run() {
          if (PlantedBug.IS_IN) {
            takeUnits();
          } else {
            super.run();
          }
        }

        @Override
        void takeUnits() {
          for (int unit = nextUnit(); unit >= 0; unit = nextUnit()) {
            var _ = runs.incrementAndGet(unit);
            PlantedBug.widenTheGap(); // as a kernel takes its time
            written[unit] = 1;
            if (returned) {
              numLate = 1;
            }
          }
        }
      };

  /** Calls; the executor's thread is the other actor. */
  @Actor
  public void caller(III_Result result) {
    units.run(task -> {}, 2, NUM_UNITS);
    int seen = 0;
    for (int each : written) {
      seen += each;
    }
    result.r2 = seen;
    returned = true;
  }

  /** Lent, at any time. */
  @Actor
  public void lent() {
    units.run();
  }

  /** What became of it. */
  @Arbiter
  public void arbiter(III_Result result) {
    int once = 0;
    for (int i = 0; i < NUM_UNITS; i++) {
      once += runs.get(i) == 1 ? 1 : 0;
    }
    result.r1 = once;
    result.r3 = numLate;
  }
}
