package dev.pagoda.prefix;

import dev.pagoda.memory.KvStorage;
import java.util.List;

/**
 * A larger and slower place for blocks that a prefix cache gives up: another memory, a disk.
 *
 * <p>Keyed by {@link PrefixBlock#key}; the payload is one whole block, all layers. Content lies
 * still for the length of a call and no longer. Calls come from any thread, several at once,
 * outside every lock of the cache. What a tier throws counts as a miss and never fails a request;
 * it is logged, ever more rarely if it goes on.
 */
public interface LowerTier {
  /** Has nothing and keeps nothing. */
  LowerTier NONE =
      new LowerTier() {
        @Override
        public boolean contains(PrefixBlock block) {
          return false;
        }

        @Override
        public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
          return 0;
        }

        @Override
        public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {}
      };

  /**
   * Whether {@link #load} is worth trying. Changes nothing; should not touch a disk.
   *
   * @param block what is missed
   * @return whether the tier seems to have it
   */
  boolean contains(PrefixBlock block);

  /**
   * Fills blocks with what was offered under the same keys, verified: another key, other token ids,
   * another layout or a damaged payload is a miss.
   *
   * @param blocks what is missed, in token order of one sequence
   * @param storage the cache's memory
   * @param blockIds where each of them goes; not to be changed
   * @return how many of the first ones are filled completely; what is in the others does not matter
   */
  int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds);

  /**
   * Offers blocks that the cache gives up: the last chance to keep their content.
   *
   * @param blocks what is in them
   * @param storage the cache's memory
   * @param blockIds where each of them lies; not to be changed
   */
  void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds);

  /**
   * Offers blocks that have just become shareable and stay in the cache, for tiers that write
   * early.
   *
   * @param blocks what is in them
   * @param storage the cache's memory
   * @param blockIds where each of them lies; not to be changed
   */
  default void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {}
}
