package dev.pagoda;

/**
 * Whether a stress test is to run over its protocol with a bug planted, which it then must find:
 * {@code -Ddev.pagoda.stress.planted=true}. So a test and its planted twin are one class, and
 * differ in one method of one object.
 */
public final class PlantedBug {
  /** Whether this run has the bugs. */
  public static final boolean IS_IN = Boolean.getBoolean("dev.pagoda.stress.planted");

  private static final int SPINS = 50;

  private PlantedBug() {}

  /** Time for the other actor, where a protocol has a gap that is a few instructions long. */
  public static void widenTheGap() {
    for (int i = 0; i < SPINS; i++) {
      Thread.onSpinWait();
    }
  }
}
