package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.ModelRun;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every pool of counted blocks must do, whoever wrote it: asked of {@link BlockPool}, and of a
 * naive one with the mistakes that others have made.
 */
class PoolPropertyTest {
  /** Mistakes of a pool. */
  enum Fault {
    /** A block given twice in one release is freed twice. */
    BLOCK_TWICE_IN_ONE_RELEASE,
    /** Lives are not told apart. */
    DOUBLE_FREE,
    /** A counter moves before the check that throws. */
    COUNTED_BEFORE_CHECKED,
    /** A block with two owners counts as two. */
    SHARED_COUNTED_TWICE
  }

  /** The little that all of them can do. */
  interface Pool {
    /** Throws if there are too few. */
    long[] allocate(int count);

    void retain(long handle);

    /** Throws and changes nothing if a handle is stale or twice. */
    void release(long... handles);

    int blockId(long handle);

    int numUsed();
  }

  static Pool real(int numBlocks) {
    BlockPool pool = new BlockPool(numBlocks);
    return new Pool() {
      @Override
      public long[] allocate(int count) {
        long[] handles = new long[count];
        pool.allocate(handles, 0, count);
        return handles;
      }

      @Override
      public void retain(long handle) {
        pool.retain(new long[] {handle}, 0, 1);
      }

      @Override
      public void release(long... handles) {
        pool.release(handles, 0, handles.length);
      }

      @Override
      public int blockId(long handle) {
        return BlockHandle.blockId(handle);
      }

      @Override
      public int numUsed() {
        pool.checkConservation();
        return pool.statistics().numUsed();
      }
    };
  }

  /** A list of free ids and an array of counts, as anybody would write it first. */
  private static final class NaivePool implements Pool {
    private final Set<Fault> bugs;
    private final int[] counts;
    private final int[] lives;
    private final Deque<Integer> free = new ArrayDeque<>();
    private int numUsed;

    NaivePool(int numBlocks, Fault... bugs) {
      this.bugs = Set.of(bugs);
      counts = new int[numBlocks];
      lives = new int[numBlocks];
      for (int id = 0; id < numBlocks; id++) {
        free.add(id);
      }
    }

    @Override
    public long[] allocate(int count) {
      if (bugs.contains(Fault.COUNTED_BEFORE_CHECKED)) {
        numUsed += count;
      }
      if (count > free.size()) {
        throw new IllegalStateException("too few: free=" + free.size());
      }
      if (!bugs.contains(Fault.COUNTED_BEFORE_CHECKED)) {
        numUsed += count;
      }
      long[] handles = new long[count];
      for (int i = 0; i < count; i++) {
        int id = free.removeFirst();
        counts[id] = 1;
        handles[i] = handle(id);
      }
      return handles;
    }

    private long handle(int id) {
      int life = bugs.contains(Fault.DOUBLE_FREE) ? 0 : lives[id];
      return (long) life << 32 | id;
    }

    @Override
    public void retain(long handle) {
      counts[blockId(handle)]++;
      if (bugs.contains(Fault.SHARED_COUNTED_TWICE)) {
        numUsed++;
      }
    }

    @Override
    public void release(long... handles) {
      Set<Long> seen = new HashSet<>();
      for (long handle : handles) {
        int id = blockId(handle);
        boolean twice = !seen.add(handle) && !bugs.contains(Fault.BLOCK_TWICE_IN_ONE_RELEASE);
        if (twice || counts[id] == 0 || handle != handle(id)) {
          throw new IllegalStateException("not to be released: blockId=" + id);
        }
      }
      for (long handle : handles) {
        int id = blockId(handle);
        counts[id]--;
        if (counts[id] <= 0) {
          lives[id]++;
          free.addLast(id);
          numUsed--;
          counts[id] = 0;
        } else if (bugs.contains(Fault.SHARED_COUNTED_TWICE)) {
          numUsed--;
        }
      }
    }

    @Override
    public int blockId(long handle) {
      return (int) handle;
    }

    @Override
    public int numUsed() {
      return numUsed;
    }
  }

  interface Maker {
    Pool make(int numBlocks);
  }

  private static long check(long seed, Maker maker) {
    SplittableRandom random = new SplittableRandom(seed);
    int numBlocks = random.nextInt(2, 12);
    Pool pool = maker.make(numBlocks);
    Map<Long, Integer> owners = new HashMap<>();
    List<Long> stale = new ArrayList<>();
    for (int operation = 0; operation < 300; operation++) {
      List<Long> held = new ArrayList<>(owners.keySet());
      switch (random.nextInt(5)) {
        case 0, 1 -> {
          int count = random.nextInt(1, 5);
          if (count > numBlocks - owners.size()) {
            assertRefused(() -> pool.allocate(count));
          } else {
            for (long handle : pool.allocate(count)) {
              for (long other : owners.keySet()) {
                require(pool.blockId(other) != pool.blockId(handle), "a block has two owners");
              }
              require(owners.put(handle, 1) == null, "a handle comes again");
            }
          }
        }
        case 2 -> {
          if (!held.isEmpty()) {
            long handle = held.get(random.nextInt(held.size()));
            pool.retain(handle);
            owners.merge(handle, 1, Integer::sum);
          }
        }
        case 3 -> {
          if (!held.isEmpty()) {
            long handle = held.get(random.nextInt(held.size()));
            pool.release(handle);
            if (owners.merge(handle, -1, Integer::sum) == 0) {
              owners.remove(handle);
              stale.add(handle);
            }
          }
        }
        default -> {
          if (!held.isEmpty()) {
            long handle = held.get(random.nextInt(held.size()));
            assertRefused(() -> pool.release(handle, handle));
          }
          if (!stale.isEmpty()) {
            long handle = stale.get(random.nextInt(stale.size()));
            assertRefused(() -> pool.release(handle));
          }
        }
      }
      require(pool.numUsed() == owners.size(), "used blocks are miscounted: " + pool.numUsed());
    }
    return 300;
  }

  private static void assertRefused(Runnable misuse) {
    try {
      misuse.run();
    } catch (RuntimeException refused) {
      return;
    }
    throw new AssertionError("a mistake is not refused");
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  static void run(Maker maker) {
    ModelRun.fixed("PoolPropertyTest", 60_000, 3).run(seed -> check(seed, maker));
  }

  @Test
  void blockPoolAndANaiveOneWithoutMistakesHaveAllProperties() {
    run(PoolPropertyTest::real);
    run(NaivePool::new);
  }

  /** For the registry of bugs: fails with one of them, passes with none. */
  static void requireRight(Fault... faults) {
    run(numBlocks -> new NaivePool(numBlocks, faults));
  }

  @ParameterizedTest
  @EnumSource
  void everyMistakeIsFound(Fault fault) {
    assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> requireRight(fault));
  }

  // Eviction.

  /** Gives up the oldest block that ever was idle; with the mistake, also one that is not now. */
  private static final class OldestFirst implements IdleOrder {
    private final List<Integer> idle = new ArrayList<>();
    private final boolean forgetsUse;

    OldestFirst(boolean forgetsUse) {
      this.forgetsUse = forgetsUse;
    }

    @Override
    public void idle(int blockId) {
      if (!idle.contains(blockId)) {
        idle.add(blockId);
      }
    }

    @Override
    public void notIdle(int blockId) {
      if (!forgetsUse) {
        idle.remove(Integer.valueOf(blockId));
      }
    }

    @Override
    public boolean isReclaimable(int blockId) {
      return idle.contains(blockId);
    }

    @Override
    public int numReclaimable() {
      return idle.size();
    }

    @Override
    public int takeVictim() {
      return idle.removeFirst();
    }
  }

  /** Hits of a request are adopted, and the rest of what it needs must come from elsewhere. */
  private static void admit(IdleOrder order) {
    BlockPool pool = new BlockPool(4);
    pool.caching().setIdleOrder(order);
    long[] cached = new long[4];
    pool.allocate(cached, 0, 4);
    for (long handle : cached) {
      pool.caching().cache(handle);
    }
    pool.release(cached, 0, 4);
    int adopted = pool.caching().adopt(cached, 2, 4, 2);
    assertThat(adopted).isEqualTo(2);
    long[] more = new long[2];
    pool.allocate(more, 0, 2);
    assertThat(Arrays.stream(more).mapToInt(BlockHandle::blockId).toArray())
        .as("a victim is in use")
        .doesNotContain(BlockHandle.blockId(cached[2]), BlockHandle.blockId(cached[3]));
    pool.checkConservation();
  }

  @Test
  void aVictimThatIsInUseIsFound() {
    admit(new OldestFirst(false));
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> admit(new OldestFirst(true)))
        .withMessageContaining("a victim is in use");
  }
}
