package dev.pagoda.prefix;

import java.util.Objects;

/**
 * How one request uses a prefix cache.
 *
 * @param read whether cached blocks are looked for
 * @param write whether its own blocks are published
 * @param retention how much its blocks are worth keeping
 * @param requireRoom whether opening is refused when the pool has no room for the rest of the
 *     prompt, so that a request which cannot be admitted leaves no trace
 * @param afterPreemption whether the request was here before: what it finds then is counted apart,
 *     because it says nothing about how much requests have in common
 */
public record OpenOptions(
    boolean read,
    boolean write,
    Retention retention,
    boolean requireRoom,
    boolean afterPreemption) {
  /** Reads and writes, default retention, refused without room. */
  public static final OpenOptions DEFAULT =
      new OpenOptions(true, true, Retention.DEFAULT, true, false);

  /** Checks that there is a retention. */
  public OpenOptions {
    Objects.requireNonNull(retention, "retention");
  }

  /**
   * The same, but no cached block is used.
   *
   * @return the options
   */
  public OpenOptions withoutRead() {
    return new OpenOptions(false, write, retention, requireRoom, afterPreemption);
  }

  /**
   * The same, but no block is published.
   *
   * @return the options
   */
  public OpenOptions withoutWrite() {
    return new OpenOptions(read, false, retention, requireRoom, afterPreemption);
  }

  /**
   * The same with another retention.
   *
   * @param newRetention how much its blocks are worth keeping
   * @return the options
   */
  public OpenOptions withRetention(Retention newRetention) {
    return new OpenOptions(read, write, newRetention, requireRoom, afterPreemption);
  }

  /**
   * The same, but opened even if the rest of the prompt does not fit now.
   *
   * @return the options
   */
  public OpenOptions withoutRoom() {
    return new OpenOptions(read, write, retention, false, afterPreemption);
  }

  /**
   * The same for a request that comes back after it had to make room.
   *
   * @return the options
   */
  public OpenOptions returning() {
    return new OpenOptions(read, write, retention, requireRoom, true);
  }
}
