package dev.pagoda.internal.event;

/** Touches the flight recorder only where there is one. */
final class RecorderChoice {
  static final CacheEvents CURRENT = isHere() ? new FlightRecorderEvents() : new NoEvents();

  private RecorderChoice() {}

  private static boolean isHere() {
    return ModuleLayer.boot()
        .findModule("jdk.jfr")
        .filter(RecorderChoice.class.getModule()::canRead)
        .isPresent();
  }
}
