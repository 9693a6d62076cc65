package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.ModelRun;
import dev.pagoda.testing.PoolNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A pool against a naive reference: a list of free ids, used as a stack, and a list of owners per
 * block. Every id, count and exception must agree.
 */
class BlockPoolModelTest {
  private static final int OPERATIONS_PER_EPISODE = 5_000;

  @Test
  void aPoolAgreesWithTheReference() {
    ModelRun.announced("BlockPoolModelTest")
        .run(seed -> new Story(seed, pool -> {}).run(OPERATIONS_PER_EPISODE));
  }

  // Faults that must be found, planted again and again into a running pool.

  private record Fault(String name, Plant plant) {
    @Override
    public String toString() {
      return name;
    }
  }

  private interface Plant {
    void into(PoolSurgery pool) throws ReflectiveOperationException;
  }

  private static Stream<Fault> faults() {
    return Stream.of(
        new Fault("lives are not told apart", p -> Arrays.fill(p.array("generations"), 0)),
        new Fault("a life is counted twice", p -> p.array("generations")[0]++),
        new Fault("an owner is forgotten", p -> p.array("referenceCounts")[0]--),
        new Fault("an owner is invented", p -> p.array("referenceCounts")[0]++),
        new Fault("free blocks come in another order", p -> swap(p.array("freeIds"))),
        new Fault("a block is handed out twice", p -> p.array("freeIds")[0] = 1),
        new Fault(
            "blocks seem to be given twice", p -> Arrays.fill(p.array("marks"), p.get("mark") + 1)),
        new Fault("references are miscounted", p -> p.setLong("numReferences", 1)));
  }

  private static void swap(int[] ids) {
    int first = ids[0];
    ids[0] = ids[1];
    ids[1] = first;
  }

  @ParameterizedTest
  @MethodSource("faults")
  void plantedFaultIsFound(Fault fault) {
    ModelRun run = ModelRun.fixed(fault.name, 20 * OPERATIONS_PER_EPISODE, 4);
    Story.Disturbance disturbance =
        pool -> {
          try {
            fault.plant.into(new PoolSurgery(pool));
          } catch (ReflectiveOperationException e) {
            throw new LinkageError("the pool's fields have other names now", e);
          }
        };
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> run.run(seed -> new Story(seed, disturbance).run(OPERATIONS_PER_EPISODE)))
        .withMessageContaining("-Ddev.pagoda.test.seed=")
        .withMessageContaining("operation=");
  }

  /** One pool and its reference, from empty to empty. */
  private static final class Story {
    /** What spoils the pool now and then; nothing in the real test. */
    interface Disturbance {
      void disturb(BlockPool pool);
    }

    /** A block's present life, as the reference sees it. */
    private static final class Life {
      final long handle;
      final int id;
      int owners = 1;

      Life(long handle, int id) {
        this.handle = handle;
        this.id = id;
      }
    }

    private final SplittableRandom random;
    private final Disturbance disturbance;
    private final int numBlocks;
    private final BlockPool pool;
    private final BlockPool foreignPool = new BlockPool(128);
    private final long[] foreign = new long[128];

    private final List<Integer> freeIds = new ArrayList<>();
    private final List<Life> living = new ArrayList<>();
    private final List<Long> stale = new ArrayList<>();
    private final List<Integer> told = new ArrayList<>();
    private long numAllocations;
    private long numRefusals;
    private int numReserved;
    private int peakUsed;
    private int operation;

    Story(long seed, Disturbance disturbance) {
      this.disturbance = disturbance;
      random = new SplittableRandom(seed);
      numBlocks = random.nextInt(2, 129);
      pool = new BlockPool(numBlocks, random.nextInt(8) == 0, told::add);
      for (int id = numBlocks - 1; id >= 0; id--) {
        freeIds.add(id);
      }
      foreignPool.allocate(foreign, 0, foreign.length);
    }

    long run(int operations) {
      try {
        for (operation = 0; operation < operations; operation++) {
          step();
          compare();
        }
        while (!living.isEmpty()) {
          release(List.of(living.getLast()));
        }
        compare();
        pool.checkConservation();
        pool.close();
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(
            failure + ", numBlocks=" + numBlocks + ", operation=" + operation, failure);
      }
      return operations;
    }

    private void step() {
      int kind = random.nextInt(100);
      if (kind < 8) {
        reserve(random.nextInt(0, 1 + Math.max(2, numBlocks / 8)));
      } else if (kind < 12) {
        unreserve();
      } else if (kind < 40) {
        allocate(random.nextInt(0, 1 + Math.max(4, numBlocks / 4)));
      } else if (kind < 52) {
        retain(someLives(false));
      } else if (kind < 85) {
        release(someLives(true));
      } else {
        misuse();
      }
      if (operation % 97 == 50) {
        disturbance.disturb(pool);
      }
      if (operation % 64 == 0) {
        pool.checkConservation();
      }
    }

    private void reserve(int count) {
      if (count > freeIds.size() - numReserved) {
        require(!pool.promises().tryReserve(count), "reserved", count);
      } else {
        require(pool.promises().tryReserve(count), "not reserved", count);
        numReserved += count;
      }
    }

    private void unreserve() {
      int count = random.nextInt(0, numReserved + 2);
      if (count > numReserved) {
        expect(IllegalArgumentException.class, () -> pool.promises().unreserve(count));
      } else {
        pool.promises().unreserve(count);
        numReserved -= count;
      }
    }

    private void allocate(int count) {
      int promised = random.nextInt(0, Math.min(count, numReserved) + 1);
      int padding = random.nextInt(3);
      long[] handles = new long[count + 2 * padding];
      int free = freeIds.size() - numReserved;
      if (count - promised > free) {
        OutOfBlocksException out =
            expect(
                OutOfBlocksException.class,
                () -> pool.allocate(handles, padding, padding + count, promised));
        require(
            out.needed() == count - promised && out.free() == free, "refusal", out.getMessage());
        numRefusals++;
        return;
      }
      pool.allocate(handles, padding, padding + count, promised);
      numReserved -= promised;
      for (int i = 0; i < count; i++) {
        int expected = freeIds.removeLast();
        long handle = handles[padding + i];
        require(BlockHandle.blockId(handle) == expected, "id", BlockHandle.toString(handle));
        require(!stale.contains(handle), "an old handle came again", BlockHandle.toString(handle));
        living.add(new Life(handle, expected));
      }
      numAllocations += count;
      peakUsed = Math.max(peakUsed, living.size());
    }

    private void retain(List<Life> lives) {
      pool.retain(handles(lives), 0, lives.size());
      lives.forEach(life -> life.owners++);
    }

    private void release(List<Life> lives) {
      told.clear();
      List<Integer> freed = new ArrayList<>();
      for (Life life : lives.reversed()) {
        life.owners--;
        if (life.owners == 0) {
          freed.add(life.id);
          freeIds.add(life.id);
          stale.add(life.handle);
          living.remove(life);
        }
      }
      int toReserve = random.nextInt(3);
      int count = pool.release(handles(lives), 0, lives.size(), toReserve);
      numReserved += Math.min(toReserve, count);
      require(count == freed.size(), "freed", count);
      require(told.equals(freed), "told of freed blocks", told);
      if (stale.size() > 200) {
        stale.subList(0, 100).clear();
      }
    }

    /** A few living blocks, distinct or not. */
    private List<Life> someLives(boolean distinct) {
      List<Life> lives = new ArrayList<>();
      int count = living.isEmpty() ? 0 : random.nextInt(0, 6);
      for (int i = 0; i < count; i++) {
        Life life = living.get(random.nextInt(living.size()));
        if (!distinct || !lives.contains(life)) {
          lives.add(life);
        }
      }
      return lives;
    }

    private void misuse() {
      List<Life> lives = new ArrayList<>(someLives(true));
      Life bad;
      Class<? extends RuntimeException> expected = IllegalArgumentException.class;
      switch (random.nextInt(4)) {
        case 0 -> bad = new Life(foreign[random.nextInt(foreign.length)], 0);
        case 1 -> bad = new Life(random.nextBoolean() ? BlockHandle.NONE : outOfRange(), 0);
        case 2 -> {
          if (stale.isEmpty()) {
            return;
          }
          bad = new Life(stale.get(random.nextInt(stale.size())), 0);
          expected = IllegalStateException.class;
        }
        default -> {
          if (lives.isEmpty()) {
            return;
          }
          Life twice = lives.get(random.nextInt(lives.size()));
          lives.add(random.nextInt(lives.size() + 1), twice);
          expect(expected, () -> pool.release(handles(lives), 0, lives.size()));
          return;
        }
      }
      lives.add(random.nextInt(lives.size() + 1), bad);
      long[] handles = handles(lives);
      switch (random.nextInt(3)) {
        case 0 -> expect(expected, () -> pool.release(handles, 0, handles.length));
        case 1 -> expect(expected, () -> pool.retain(handles, 0, handles.length));
        default -> expect(expected, () -> pool.referenceCount(bad.handle));
      }
    }

    private long outOfRange() {
      int tag = living.isEmpty() ? 0 : BlockHandle.poolTag(living.getFirst().handle);
      return BlockHandle.of(tag, 0, random.nextInt(numBlocks, Integer.MAX_VALUE));
    }

    private void compare() {
      long references = 0;
      int shared = 0;
      for (Life life : living) {
        references += life.owners;
        shared += life.owners > 1 ? 1 : 0;
      }
      BlockStatistics expected =
          PoolNumbers.uncached(
              numBlocks,
              freeIds.size(),
              numReserved,
              shared,
              references,
              peakUsed,
              numAllocations,
              numRefusals);
      BlockStatistics actual = pool.statistics();
      require(actual.equals(expected), "statistics", actual + " instead of " + expected);
      if (!living.isEmpty()) {
        Life life = living.get(random.nextInt(living.size()));
        int owners = pool.referenceCount(life.handle);
        require(owners == life.owners, "owners of block " + life.id, owners);
      }
    }

    private static long[] handles(List<Life> lives) {
      return lives.stream().mapToLong(life -> life.handle).toArray();
    }

    private static void require(boolean holds, String what, Object actual) {
      if (!holds) {
        throw new AssertionError("the pool disagrees with the reference: " + what + "=" + actual);
      }
    }

    private static <T extends RuntimeException> T expect(Class<T> type, Runnable call) {
      try {
        call.run();
      } catch (RuntimeException thrown) {
        if (type.isInstance(thrown)) {
          return type.cast(thrown);
        }
        throw thrown;
      }
      throw new AssertionError("misuse was let pass: expected=" + type.getSimpleName());
    }
  }
}
