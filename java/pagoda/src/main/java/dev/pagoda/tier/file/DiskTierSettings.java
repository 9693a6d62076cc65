package dev.pagoda.tier.file;

import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * How a disk tier behaves.
 *
 * @param bytesMax most bytes that its files may have together, folder entries aside
 * @param onlySeenTwice whether a block is written only when it is offered for the second time: most
 *     blocks of most workloads never come back, and a disk wears
 * @param writeEarly whether blocks are offered when they become shareable rather than when they are
 *     given up, so that they are there after a restart
 * @param forced whether each file is forced to the device; without it a loss of power may cost
 *     blocks, which are then found damaged or missing and computed again
 * @param writer where files are written; by default in the call that offers a block. With another
 *     one, blocks that come faster than they are written are not kept
 */
public record DiskTierSettings(
    long bytesMax, boolean onlySeenTwice, boolean writeEarly, boolean forced, Executor writer) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if there is no room at all
   */
  public DiskTierSettings {
    Objects.requireNonNull(writer, "writer");
    if (bytesMax < 1) {
      throw new IllegalArgumentException("a tier needs room: bytesMax=" + bytesMax);
    }
  }

  /**
   * Every block that is given up is written, not forced, by the caller.
   *
   * @param bytesMax most bytes that its files may have together
   * @return the settings
   */
  public static DiskTierSettings ofBytes(long bytesMax) {
    return new DiskTierSettings(bytesMax, false, false, false, Runnable::run);
  }

  /**
   * The same, but a block is written only when it is offered for the second time.
   *
   * @return the settings
   */
  public DiskTierSettings seenTwice() {
    return new DiskTierSettings(bytesMax, true, writeEarly, forced, writer);
  }

  /**
   * The same, but blocks are offered as soon as they become shareable.
   *
   * @return the settings
   */
  public DiskTierSettings early() {
    return new DiskTierSettings(bytesMax, onlySeenTwice, true, forced, writer);
  }

  /**
   * The same, but each file is forced to the device.
   *
   * @return the settings
   */
  public DiskTierSettings force() {
    return new DiskTierSettings(bytesMax, onlySeenTwice, writeEarly, true, writer);
  }

  /**
   * The same, but files are written by somebody else.
   *
   * @param newWriter runs one task per block; must run or reject each of them before the tier is
   *     closed
   * @return the settings
   */
  public DiskTierSettings writtenBy(Executor newWriter) {
    return new DiskTierSettings(bytesMax, onlySeenTwice, writeEarly, forced, newWriter);
  }
}
