package dev.pagoda.lab.cli;

/**
 * What the user asked for cannot be done, and the user can do something about it: wrong arguments,
 * a wrong input, a backend that is not there. Printed as one sentence, without a stack trace; the
 * exit code is 2.
 */
public final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Refuses.
   *
   * @param sentence one sentence that names what is wrong and ends in {@code name=value}
   */
  public Refusal(String sentence) {
    super(sentence);
  }

  /**
   * Refuses because of another exception.
   *
   * @param sentence one sentence that names what is wrong and ends in {@code name=value}
   * @param cause what was thrown
   */
  public Refusal(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
