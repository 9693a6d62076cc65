package dev.pagoda.prefix;

import java.time.Duration;

/**
 * Why a block is kept, or is no more.
 *
 * @param blockId the block's number in its pool
 * @param fate what became of it
 * @param block what is in it, or was last; {@link PrefixBlock#NONE} if it was never shareable
 * @param removal why it is shareable no more
 * @param priority its priority
 * @param numHits requests that found it
 * @param idle how long nobody has used it, or had when it was removed
 * @param pin how long it will not be given up
 */
public record BlockExplanation(
    int blockId,
    Fate fate,
    PrefixBlock block,
    RemovalReason removal,
    int priority,
    int numHits,
    Duration idle,
    Duration pin) {
  /** What became of a block. */
  public enum Fate {
    /** It was never shareable, as far as is known. */
    NEVER_SHAREABLE,
    /** It is shareable, and sequences use it. */
    IN_USE,
    /** It is shareable and idle, and kept until its pin ends. */
    PINNED,
    /** It is shareable and idle: kept until the pool or its tenant's quota needs a block. */
    IDLE,
    /** It was shareable. */
    REMOVED
  }

  /** One sentence for people. */
  @Override
  public String toString() {
    String what =
        switch (fate) {
          case NEVER_SHAREABLE -> "was never shareable";
          case IN_USE -> "is shareable and in use";
          case PINNED -> "is idle and pinned for " + pin;
          case IDLE -> "is idle since " + idle + ", kept until a block is needed";
          case REMOVED -> "is shareable no more: reason=" + removal;
        };
    return "block "
        + blockId
        + " "
        + what
        + "; priority="
        + priority
        + ", numHits="
        + numHits
        + ", block="
        + block;
  }
}
