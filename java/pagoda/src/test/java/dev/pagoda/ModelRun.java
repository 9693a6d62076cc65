package dev.pagoda;

import java.util.SplittableRandom;

/**
 * How long tests with random operations run and from which seed. {@code dev.pagoda.test.operations}
 * sets the one, {@code dev.pagoda.test.seed} the other; a seed from a failure message replays the
 * episode that failed first of all.
 */
public final class ModelRun {
  private static final long REPORT_EVERY = 1_000_000;

  private final String name;
  private final long operations;
  private final long seed;

  private ModelRun(String name, long operations, long seed) {
    this.name = name;
    this.operations = operations;
    this.seed = seed;
  }

  /** A run as the properties say, announced on standard output. */
  public static ModelRun announced(String name) {
    return announced(name, 1_000_000);
  }

  /** A run as the properties say, of so many operations if they say nothing. */
  public static ModelRun announced(String name, long operationsDefault) {
    long operations = Long.getLong("dev.pagoda.test.operations", operationsDefault);
    long seed = Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
    System.out.println(name + ": operations=" + operations + ", dev.pagoda.test.seed=" + seed);
    return new ModelRun(name, operations, seed);
  }

  /** A run that is always the same, for tests of the test. */
  public static ModelRun fixed(String name, long operations, long seed) {
    return new ModelRun(name, operations, seed);
  }

  /** Operations that it does at least. */
  public long operations() {
    return operations;
  }

  /** One random story from an empty pool or cache to its end. */
  public interface Episode {
    /**
     * Runs it.
     *
     * @return operations done
     */
    long run(long seed);
  }

  /** Runs episodes until they have done all operations; a failure says how to see it again. */
  public void run(Episode episode) {
    long done = 0;
    for (long i = 0; done < operations; i++) {
      long episodeSeed = i == 0 ? seed : new SplittableRandom(seed + i).nextLong();
      try {
        long before = done;
        done += episode.run(episodeSeed);
        if (done < operations && done / REPORT_EVERY > before / REPORT_EVERY) {
          System.out.println(name + ": operations done=" + done);
        }
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(
            name
                + " failed after "
                + done
                + " operations, replay with -Ddev.pagoda.test.seed="
                + episodeSeed
                + ": "
                + failure.getMessage(),
            failure);
      }
    }
  }
}
