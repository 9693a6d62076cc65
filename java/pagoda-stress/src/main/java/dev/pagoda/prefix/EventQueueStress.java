package dev.pagoda.prefix;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.pagoda.PlantedBug;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * Nobody waits for the line, and no event is left in it: in order, each once. Planted: who delivers
 * does not look again after letting go of the line.
 */
@JCStressTest
@Outcome(id = "2, 0", expect = ACCEPTABLE, desc = "both were told, in order")
@Outcome(id = "1, 0", expect = FORBIDDEN, desc = "one is left in the line")
@State
public class EventQueueStress {
  private final EventQueue events =
      new EventQueue() {
        @Override
        void deliver() {
          if (PlantedBug.IS_IN) {
            var _ = deliverWaiting();
          } else {
            super.deliver();
          }
        }

        @Override
        void letGo() {
          PlantedBug.widenTheGap();
          super.letGo();
        }
      };
  private final ReentrantLock writing = new ReentrantLock();
  private int numTold; // plain: told by one thread at a time
  private int numOutOfOrder;
  private long last;

  /** A listener that counts. */
  public EventQueueStress() {
    events.addListener(
        new PrefixListener() {
          @Override
          public void stored(long number, PrefixBlock block) {
            numTold++;
            numOutOfOrder += number <= last ? 1 : 0;
            last = number;
          }
        });
  }

  private void store() {
    writing.lock();
    try {
      events.stored(PrefixBlock.NONE);
    } finally {
      writing.unlock();
    }
    events.deliver();
  }

  /** One. */
  @Actor
  public void one() {
    store();
  }

  /** The other. */
  @Actor
  public void other() {
    store();
  }

  /** What was told. */
  @Arbiter
  public void arbiter(II_Result result) {
    result.r1 = numTold;
    result.r2 = numOutOfOrder;
  }
}
