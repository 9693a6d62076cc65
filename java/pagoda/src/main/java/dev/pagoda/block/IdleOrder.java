package dev.pagoda.block;

/**
 * Which of a pool's idle cached blocks is given up first.
 *
 * <p>A block is <b>cached</b> from {@link BlockCaching#cache} on: its content is worth something to
 * others, so it does not become free with its last owner but <b>idle</b>, until somebody adopts it
 * or the pool needs it.
 *
 * <p>The pool calls this inside its lock, several times for a call over several blocks: be quick,
 * allocate nothing, and do not call the pool.
 */
public interface IdleOrder {
  /**
   * A cached block has lost its last owner or its last pin. Of several that do so in one call, the
   * last one in token order comes first.
   *
   * @param blockId the block
   */
  void idle(int blockId);

  /**
   * A block that was idle is so no more: it was adopted, pinned or uncached. Not called for a
   * {@link #takeVictim victim}.
   *
   * @param blockId the block
   */
  void notIdle(int blockId);

  /**
   * Whether an idle block may be given up now.
   *
   * @param blockId an idle block
   * @return whether {@link #numReclaimable} counts it
   */
  boolean isReclaimable(int blockId);

  /**
   * Whether a block that has owners could be given up now if they left.
   *
   * @param blockId a cached block
   * @return false if it would stay, idle and kept for some time
   */
  default boolean wouldBeReclaimable(int blockId) {
    return true;
  }

  /**
   * Idle blocks that may be given up now.
   *
   * @return number of victims to be had
   */
  int numReclaimable();

  /**
   * Picks the block to give up next; it is not idle any more.
   *
   * @return a block id; only called while {@link #numReclaimable} is above 0
   */
  int takeVictim();
}
