package dev.pagoda.testing;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** Counts the bytes that this thread allocates on the heap. */
public final class AllocationMeter {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private AllocationMeter() {}

  /** Bytes that this thread has allocated so far. */
  public static long allocatedBytes() {
    return THREADS.getCurrentThreadAllocatedBytes();
  }

  /** Work that is repeated; told how often it ran before. */
  public interface Work {
    void run(int round);
  }

  /**
   * Repeats work until a number of rounds in a row allocates nothing, or patience ends.
   *
   * <p>Vector code boxes every vector until HotSpot has compiled it, in the background and in its
   * own time; so the warm-up is a time, not a number. Work that allocates by itself never gets to
   * 0.
   *
   * @param rounds rounds that are counted together
   * @return the fewest bytes that so many rounds allocated
   */
  public static long bytesOf(Work work, int rounds, Duration patience) {
    long deadline = System.nanoTime() + patience.toNanos();
    long least = Long.MAX_VALUE;
    int round = 0;
    while (least > 0 && System.nanoTime() < deadline) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < rounds; i++) {
        work.run(round++);
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }
}
