package dev.pagoda.prefix;

import java.time.Duration;
import java.util.Objects;

/**
 * How much a request's blocks are worth keeping.
 *
 * @param priority {@code [0, PRIORITY_MAX]}; idle blocks of lower priority are given up first,
 *     whatever their age. A block that several requests use has the highest of theirs
 * @param pin how long the blocks are not given up at all, counted from when they were found or
 *     published; zero for no pin
 */
public record Retention(int priority, Duration pin) {
  /** Highest priority. */
  public static final int PRIORITY_MAX = 9;

  /** Priority unless another is asked for. */
  public static final int PRIORITY_DEFAULT = 4;

  /** Default priority, no pin. */
  public static final Retention DEFAULT = new Retention(PRIORITY_DEFAULT, Duration.ZERO);

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public Retention {
    Objects.requireNonNull(pin, "pin");
    if (priority < 0 || priority > PRIORITY_MAX) {
      throw new IllegalArgumentException("priorities go from 0 to 9: priority=" + priority);
    }
    if (pin.isNegative()) {
      throw new IllegalArgumentException("a pin has a duration or none: pin=" + pin);
    }
  }

  /**
   * The same with another priority.
   *
   * @param newPriority {@code [0, PRIORITY_MAX]}
   * @return the retention
   */
  public Retention withPriority(int newPriority) {
    return new Retention(newPriority, pin);
  }

  /**
   * The same with a pin.
   *
   * @param newPin how long
   * @return the retention
   */
  public Retention withPin(Duration newPin) {
    return new Retention(priority, newPin);
  }
}
