package dev.pagoda.heap;

import dev.pagoda.PagedKvCache;
import dev.pagoda.heap.HeapFaults.Manner;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Plays a story over and over, each time with another allocation that fails, in a JVM of its own.
 * Arguments: the story; how often a place in the code fails at most. Ends with 1 if a rule was
 * broken anywhere, and says where.
 */
final class HeapFaultRun {
  private static final int FINDINGS_SHOWN = 20;

  private final Method play;
  private final String story;
  private final Map<String, Throwable> findings = new LinkedHashMap<>();
  private int numRuns;

  private HeapFaultRun(Class<?> stories, String story) throws ReflectiveOperationException {
    play = stories.getDeclaredMethod("play", String.class);
    play.setAccessible(true);
    this.story = story;
  }

  private List<?> play() throws Throwable {
    try {
      return (List<?>) play.invoke(null, story);
    } catch (InvocationTargetException thrown) {
      throw thrown.getCause();
    }
  }

  /** Which calls of the JDK allocate, once what is allocated once and for all is there. */
  private void learn() throws Throwable {
    play();
    play();
    HeapFaults.learn(true);
    play();
    play();
    HeapFaults.learn(false);
  }

  private void run(Manner manner, int numEach) throws Throwable {
    HeapFaults.failAt(Integer.MAX_VALUE, manner);
    HeapFaults.trace();
    List<?> expected = play();
    for (int failing : HeapFaults.firstOfEachPlace(numEach)) {
      HeapFaults.failAt(failing, manner);
      numRuns++;
      try {
        if (!play().equals(expected)) {
          throw new AssertionError("attention gave other bits");
        }
      } catch (Throwable broken) {
        String where =
            broken.getCause() instanceof OutOfMemoryError full
                ? String.valueOf(full.getMessage())
                : HeapFaults.failed();
        findings.putIfAbsent(where, broken);
      } finally {
        HeapFaults.disarm();
      }
    }
  }

  public static void main(String[] args) throws Throwable {
    Class<?> stories = new FaultyClasses(PagedKvCache.class).loadClass(HeapStory.class.getName());
    HeapFaultRun run = new HeapFaultRun(stories, args[0]);
    run.learn();
    for (Manner manner : Manner.values()) {
      run.run(manner, Integer.parseInt(args[1]));
    }
    System.out.println(args[0] + ": runs=" + run.numRuns + ", findings=" + run.findings.size());
    run.findings.entrySet().stream()
        .limit(FINDINGS_SHOWN)
        .forEach(finding -> {
          System.out.println("FINDING " + args[0] + ", " + finding.getKey());
          finding.getValue().printStackTrace(System.out);
        });
    System.exit(run.findings.isEmpty() ? 0 : 1);
  }
}
