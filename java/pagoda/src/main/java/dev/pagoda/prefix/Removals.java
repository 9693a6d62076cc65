package dev.pagoda.prefix;

import dev.pagoda.prefix.RetentionOrder.Standing;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Per block of the pool, how it was last shareable and why it is so no more: what explains a block
 * when its entry is gone.
 *
 * <p>Threads: written inside the shelf's lock, read by any.
 */
final class Removals {
  private static final Removal NONE =
      new Removal(PrefixBlock.NONE, RemovalReason.NONE, new Standing(0, 0, false, 0, 0));

  private final AtomicReferenceArray<Removal> last;

  private record Removal(PrefixBlock block, RemovalReason reason, Standing standing) {}

  Removals(int numBlocks) {
    last = new AtomicReferenceArray<>(numBlocks);
    for (int id = 0; id < numBlocks; id++) {
      last.setPlain(id, NONE);
    }
  }

  void removed(int blockId, PrefixBlock block, RemovalReason reason, Standing standing) {
    last.set(blockId, new Removal(block, reason, standing));
  }

  /** It was taken back. */
  void returned(int blockId) {
    last.set(blockId, NONE);
  }

  BlockExplanation explain(int blockId) {
    Removal removal = last.get(blockId);
    BlockExplanation.Fate fate =
        removal.reason == RemovalReason.NONE
            ? BlockExplanation.Fate.NEVER_SHAREABLE
            : BlockExplanation.Fate.REMOVED;
    return new BlockExplanation(
        blockId,
        fate,
        removal.block,
        removal.reason,
        removal.standing.priority(),
        removal.standing.numHits(),
        Duration.ofNanos(removal.standing.sinceIdleNanos()),
        Duration.ZERO);
  }
}
