package dev.pagoda.heap;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The heap that is full at one chosen allocation of the library: {@link FaultyClasses} puts a call
 * here at each of its allocations, and around each of its calls of the JDK.
 *
 * <p>Which calls of the JDK allocate is learnt: a first run measures, by place in the code. A place
 * that ever allocated counts as one that can fail whenever it is passed.
 *
 * <p>One thread at a time. Public because the library's classes call it.
 */
public final class HeapFaults {
  /** When the chosen allocation fails. */
  enum Manner {
    /** Once. */
    ONCE,
    /** And every one after it, until the call that failed has returned. */
    FROM_THEN_ON
  }

  /** What the heap says. */
  private static final String PLANTED = "planted: ";

  private static final int DEPTH_MAX = 10_000;
  private static final ThreadMXBean MEMORY = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final List<String> PLACES = new ArrayList<>();
  private static final BitSet FAILS_BEFORE = new BitSet();
  private static final BitSet FAILS_AFTER = new BitSet();
  private static final BitSet ALLOCATES = new BitSet();
  private static final long[] ALLOCATED_BEFORE = new long[DEPTH_MAX];
  private static final int[] CALLS = new int[DEPTH_MAX];

  private static final List<Integer> TRACE = new ArrayList<>();

  private static int depth;
  private static boolean tracing;
  private static boolean learning;
  private static boolean armed;
  private static boolean full;
  private static Manner manner = Manner.ONCE;
  private static int failing;
  private static int passed;
  private static String failed = "";

  private HeapFaults() {}

  /** Names a place; returns its number. */
  static int newPlace(String name, boolean failsBefore, boolean failsAfter) {
    PLACES.add(name);
    FAILS_BEFORE.set(PLACES.size() - 1, failsBefore);
    FAILS_AFTER.set(PLACES.size() - 1, failsAfter);
    return PLACES.size() - 1;
  }

  static void learn(boolean newLearning) {
    learning = newLearning;
    depth = 0;
  }

  /** The n-th allocation from now on will fail. */
  static void failAt(int allocation, Manner how) {
    failing = allocation;
    manner = how;
    passed = 0;
    full = false;
    failed = "";
  }

  /** Allocations count, and may fail, from now on. */
  public static void arm() {
    armed = true;
  }

  public static void disarm() {
    armed = false;
    full = false;
  }

  /** Where it failed; empty while it has not. */
  static String failed() {
    return failed;
  }

  public static boolean isPlanted(Throwable thrown) {
    return thrown instanceof OutOfMemoryError
        && String.valueOf(thrown.getMessage()).startsWith(PLANTED);
  }

  // Called by the library's classes.

  /**
   * The library allocates.
   *
   * @param place where
   */
  public static void allocation(int place) {
    if (armed) {
      pass(place);
    }
  }

  /**
   * The library calls the JDK.
   *
   * @param place where
   */
  public static void before(int place) {
    if (learning) {
      CALLS[depth] = place;
      ALLOCATED_BEFORE[depth] = MEMORY.getCurrentThreadAllocatedBytes();
      depth++;
    } else if (armed && FAILS_BEFORE.get(place) && ALLOCATES.get(place)) {
      pass(place);
    }
  }

  /**
   * The JDK is done.
   *
   * @param place where it was called
   */
  public static void after(int place) {
    if (learning) {
      long now = MEMORY.getCurrentThreadAllocatedBytes();
      do {
        depth--; // calls that threw are passed over
      } while (depth > 0 && CALLS[depth] != place);
      if (CALLS[depth] == place && now > ALLOCATED_BEFORE[depth]) {
        ALLOCATES.set(place);
      }
    } else if (armed && FAILS_AFTER.get(place) && ALLOCATES.get(place)) {
      pass(place);
    }
  }

  /** From now on it is written down which allocation is where. */
  static void trace() {
    TRACE.clear();
    tracing = true;
  }

  /** The numbers of those allocations that are among the first ones of their place. */
  static List<Integer> firstOfEachPlace(int numEach) {
    tracing = false;
    int[] seen = new int[PLACES.size()];
    List<Integer> chosen = new ArrayList<>();
    for (int i = 0; i < TRACE.size(); i++) {
      seen[TRACE.get(i)]++;
      if (seen[TRACE.get(i)] <= numEach) {
        chosen.add(i + 1);
      }
    }
    return chosen;
  }

  private static void pass(int place) {
    passed++;
    if (tracing) {
      TRACE.add(place);
    }
    if (passed == failing) {
      failed = PLACES.get(place);
      full = manner == Manner.FROM_THEN_ON;
    } else if (!full) {
      return;
    }
    throw new OutOfMemoryError(PLANTED + PLACES.get(place));
  }
}
