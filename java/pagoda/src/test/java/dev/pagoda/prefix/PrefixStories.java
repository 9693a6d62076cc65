package dev.pagoda.prefix;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.memory.KvStorage;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;

/** Opens prefix caches for stories: with a clock of theirs, and with faults planted in them. */
public final class PrefixStories {
  /** What is wrong with a prefix cache. */
  public abstract static class Faults {
    /** Nothing. */
    public static final Faults NONE = new Faults() {};

    Faults() {}

    PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
      return right;
    }

    /** A step has begun that appends to a sequence, and nothing is written yet. */
    public void begun(KvSequence sequence, Optional<TokenSequence> tokens) {}

    /** A sequence was opened. */
    public void opened(KvSequence sequence) {}

    /** What the prefix cache takes for the host tier. */
    public LowerTier hostTier(LowerTier right) {
      return right;
    }

    /** What the host tier, or the prefix cache, takes for the disk tier. */
    public LowerTier diskTier(LowerTier right) {
      return right;
    }
  }

  /** A tier that hears of what is given up in another way than it is told. */
  private abstract static class Mishearing implements LowerTier {
    final LowerTier right;

    Mishearing(LowerTier right) {
      this.right = right;
    }

    @Override
    public boolean contains(PrefixBlock block) {
      return right.contains(block);
    }

    @Override
    public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      return right.load(blocks, storage, blockIds);
    }

    @Override
    public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      right.stored(blocks, storage, blockIds);
    }
  }

  private static LowerTier forgetful(LowerTier right) {
    return new Mishearing(right) {
      @Override
      public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {}
    };
  }

  private static LowerTier disorderly(LowerTier right) {
    return new Mishearing(right) {
      @Override
      public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
        int[] beginningFirst =
            IntStream.range(0, blockIds.length)
                .boxed()
                .sorted(Comparator.comparingInt(i -> blocks.get(i).blockIndex()))
                .mapToInt(i -> i)
                .toArray();
        for (int i : beginningFirst) {
          right.evicted(blocks.subList(i, i + 1), storage, new int[] {blockIds[i]});
        }
      }
    };
  }

  /** A host tier that keeps nothing, and says so to nobody. */
  public static final Faults HOST_KEEPS_NOTHING =
      new Faults() {
        @Override
        public LowerTier hostTier(LowerTier right) {
          return forgetful(right);
        }
      };

  /** A disk tier that keeps nothing. */
  public static final Faults DISK_KEEPS_NOTHING =
      new Faults() {
        @Override
        public LowerTier diskTier(LowerTier right) {
          return forgetful(right);
        }
      };

  /** A disk tier that goes on to claim what it once had. */
  public static final Faults DISK_KEEPS_ITS_VERDICTS =
      new Faults() {
        @Override
        public LowerTier diskTier(LowerTier right) {
          Set<BlockKey> claimed = new HashSet<>();
          return new Mishearing(right) {
            @Override
            public boolean contains(PrefixBlock block) {
              if (super.contains(block)) {
                claimed.add(block.key());
              }
              return claimed.contains(block.key());
            }

            @Override
            public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
              right.evicted(blocks, storage, blockIds);
            }
          };
        }
      };

  /** A disk tier that takes the beginning of a sequence for older than its end. */
  public static final Faults DISK_GIVES_UP_BEGINNINGS =
      new Faults() {
        @Override
        public LowerTier diskTier(LowerTier right) {
          return disorderly(right);
        }
      };

  /** A disk tier that writes what it sees for the first time. */
  public static final Faults DISK_WRITES_AT_ONCE =
      new Faults() {
        @Override
        public LowerTier diskTier(LowerTier right) {
          return new Mishearing(right) {
            @Override
            public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
              right.evicted(blocks, storage, blockIds);
              right.evicted(blocks, storage, blockIds);
            }
          };
        }
      };

  /** A host tier that takes the beginning of a sequence for older than its end. */
  public static final Faults HOST_GIVES_UP_BEGINNINGS =
      new Faults() {
        @Override
        public LowerTier hostTier(LowerTier right) {
          return disorderly(right);
        }
      };

  /** Blocks that were given up for a step that fails do not come back. */
  public static final Faults VICTIMS_STAY_AWAY =
      new Faults() {
        @Override
        PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
          RetentionOrder order =
              new RetentionOrder(right.order()) {
                @Override
                boolean readmit(int blockId, Tenant tenant) {
                  return false;
                }
              };
          return new PrefixCache.Parts(right.encoding(), right.index(), order);
        }
      };

  /** What another tenant has is not told apart from what nobody has. */
  public static final Faults TENANTS_NOT_TOLD_APART =
      new Faults() {
        @Override
        PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
          PrefixIndex index =
              new PrefixIndex() {
                @Override
                boolean isFirstBlockOfAny(int[] tokenIds) {
                  return false;
                }
              };
          return new PrefixCache.Parts(right.encoding(), index, right.order());
        }
      };

  /** They come back as if they had just been used. */
  public static final Faults VICTIMS_COME_BACK_YOUNG =
      new Faults() {
        @Override
        PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
          RetentionOrder order =
              new RetentionOrder(right.order()) {
                @Override
                boolean readmit(int blockId, Tenant tenant) {
                  return admit(blockId, tenant, Retention.DEFAULT);
                }
              };
          return new PrefixCache.Parts(right.encoding(), right.index(), order);
        }
      };

  private PrefixStories() {}

  /** Where a prefix cache remembers that it gave a block up, until it remembers another there. */
  public static ToIntFunction<BlockKey> placesOfEvictedKeys(int numBlocks) {
    return new EvictedKeys(numBlocks)::place;
  }

  public static PrefixCache open(
      PagedKvCache cache,
      boolean headHits,
      Optional<Integer> quotaOfAnna,
      LowerTier tier,
      LongSupplier nanoTime,
      Faults faults) {
    PrefixSettings settings =
        new PrefixSettings(
            "story",
            headHits,
            quotaOfAnna.map(quota -> Map.of("anna", quota)).orElse(Map.of()),
            tier);
    PrefixCache.Parts right = PrefixCache.Parts.of(cache, settings, nanoTime);
    return new PrefixCache(cache, settings, faults.parts(cache, right));
  }
}
