package dev.pagoda;

/** Calls that must throw. */
final class Refusals {
  private Refusals() {}

  /** Runs a call that must throw an exception of a type; anything else is an error. */
  static <T extends RuntimeException> T refused(Class<T> type, Runnable call) {
    try {
      call.run();
    } catch (RuntimeException thrown) {
      if (type.isInstance(thrown)) {
        return type.cast(thrown);
      }
      throw new AssertionError("refused with " + thrown + " instead of " + type, thrown);
    }
    throw new AssertionError("misuse was let pass: expected=" + type.getSimpleName());
  }
}
