package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.pagoda.CacheModelTest.ShrunkFailure;
import dev.pagoda.CacheStory.Surroundings;
import dev.pagoda.block.PoolSurgery;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mistakes that caches have made elsewhere, planted beneath or into a cache of ours: {@link
 * CacheModelTest} must find each, by the detector meant for it, and shrink its story.
 */
class CacheFaultTest {
  private static final int SHRUNK_OPERATIONS_MAX = 20;

  /** A mistake, and the words in the failure of the detector that must find it. */
  private record Fault(String name, String detector, Surroundings surroundings) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Stream<Fault> faults() {
    return Stream.of(
        // The content oracle.
        storage("a copy is skipped", "content of", SkippedCopy::new),
        storage("copies land in each other's blocks", "content of", SwappedTargets::new),
        storage("a copy ends before the last token", "content of", ShortCopy::new),
        storage("a copy leaves out the values", "content of", FirstTileCopy::new),
        storage("swapping in mixes blocks up", "content of", RotatedCopyIn::new),
        storage("swapping out forgets a block", "content of", ShortCopyOut::new),
        kernels("the last row is not written", "content of", LostRow::new),
        kernels("rows are written one slot behind", "content of", ShiftedTables::new),
        // Poison.
        storage("freed blocks keep their content", "not poisoned", NoPoison::new),
        storage("poison is spilled over the next block", "content of", WidePoison::new),
        // Books: counters, owners, tables.
        pool("an owner is forgotten", "", p -> decrementSome(p.array("referenceCounts"))),
        pool("a block has an owner that no table knows", "", CacheFaultTest::inventOwner),
        pool("a block is on the free list while it is owned", "", CacheFaultTest::freeOwned),
        pool("references are miscounted", "statistics", p -> p.setLong("numReferences", 3)),
        pool("shared blocks are miscounted", "statistics", p -> p.set("numShared", -1)),
        cache("tokens are miscounted", "statistics", "numTokens"),
        cache("copies are miscounted", "statistics", "numBlockCopies"),
        sequence("two blocks of a table change places", "block table", CacheFaultTest::swapBlocks),
        sequence("a sequence forgets a token", "", s -> s.setLength(Math.max(0, s.length() - 1))));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void plantedFaultIsFoundAndItsStoryShrinks(Fault fault) {
    ShrunkFailure found = null;
    for (long seed = 1; seed <= 40 && found == null; seed++) {
      long episodeSeed = seed;
      found =
          catchThrowableOfType(
              ShrunkFailure.class,
              () -> CacheModelTest.episode(episodeSeed, 1_000, fault.surroundings));
    }
    assertThat(found).as("the fault is found").isNotNull();
    assertThat(found).hasMessageContaining(fault.detector).hasMessageContaining("shortest: ");
    assertThat(found.numOperations).isLessThanOrEqualTo(SHRUNK_OPERATIONS_MAX);
  }

  // Beneath the cache.

  private static Fault storage(
      String name, String detector, Function<HostStorage, KvStorage> storage) {
    return new Fault(
        name,
        detector,
        new Surroundings() {
          @Override
          public KvStorage storage(HostStorage host) {
            return storage.apply(host);
          }

          @Override
          public Kernels kernels() {
            return new InterposedKernels();
          }
        });
  }

  private static Fault kernels(
      String name, String detector, java.util.function.Supplier<Kernels> kernels) {
    return new Fault(
        name,
        detector,
        new Surroundings() {
          @Override
          public Kernels kernels() {
            return kernels.get();
          }
        });
  }

  private static final class SkippedCopy extends InterposedStorage {
    SkippedCopy(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      super.copyBlocks(sources, targets, count - 1);
    }
  }

  private static final class SwappedTargets extends InterposedStorage {
    SwappedTargets(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      int[] reversed = targets.clone();
      for (int i = 0; i < count; i++) {
        reversed[i] = targets[count - 1 - i];
      }
      super.copyBlocks(sources, reversed, count);
    }
  }

  private static final class ShortCopy extends InterposedStorage {
    ShortCopy(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      copyPart(this, sources, targets, count, layout().valueTokenStrideBytes(0) / 2 + 1);
    }
  }

  private static final class FirstTileCopy extends InterposedStorage {
    FirstTileCopy(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      copyPart(this, sources, targets, count, layout().valueTileOffset(0, 0, 0));
    }
  }

  private static void copyPart(
      InterposedStorage storage, int[] sources, int[] targets, int count, long bytes) {
    MemorySegment memory = storage.host().segment();
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          memory,
          storage.layout().blockOffset(sources[i]),
          memory,
          storage.layout().blockOffset(targets[i]),
          bytes);
    }
  }

  private static final class RotatedCopyIn extends InterposedStorage {
    RotatedCopyIn(HostStorage host) {
      super(host);
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      int[] rotated = targets.clone();
      for (int i = 0; i < count; i++) {
        rotated[i] = targets[(i + 1) % count];
      }
      super.copyIn(source, sources, rotated, count);
    }
  }

  private static final class ShortCopyOut extends InterposedStorage {
    ShortCopyOut(HostStorage host) {
      super(host);
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      super.copyOut(sources, target, targets, Math.max(0, count - 1));
    }
  }

  private static final class NoPoison extends InterposedStorage {
    NoPoison(HostStorage host) {
      super(host);
    }

    @Override
    public void poison(int blockId) {}
  }

  private static final class WidePoison extends InterposedStorage {
    WidePoison(HostStorage host) {
      super(host);
    }

    @Override
    public void poison(int blockId) {
      super.poison(blockId);
      super.poison((blockId + 1) % numBlocks());
    }
  }

  private static final class LostRow extends InterposedKernels {
    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      super.write(call, firstToken, Math.max(firstToken, endToken - 1));
    }
  }

  /** As if positions were counted from the step's end: every context one token shorter. */
  private static final class ShiftedTables extends InterposedKernels {
    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      RaggedBatch batch = call.batch();
      RaggedBatch shifted = new RaggedBatch(batch.blockIds().length);
      for (int i = 0; i < batch.numSeqs(); i++) {
        int contextLength = Math.max(batch.queryLength(i), batch.contextLength(i) - 1);
        int numBlocks = batch.tableStart(i + 1) - batch.tableStart(i);
        int from = shifted.addSequence(batch.queryLength(i), contextLength, numBlocks);
        System.arraycopy(
            batch.blockIds(), batch.tableStart(i), shifted.blockIds(), from, numBlocks);
      }
      WriteCall elsewhere = new WriteCall(call.storage(), shifted);
      elsewhere.set(call.layer(), call.keys(), call.values());
      super.write(elsewhere, firstToken, endToken);
    }
  }

  // Into the cache.

  private interface Operation<T> {
    void operate(T patient) throws ReflectiveOperationException;
  }

  private static Fault pool(String name, String detector, Operation<PoolSurgery> operation) {
    return cache(name, detector, cache -> operation.operate(new PoolSurgery(cache.pool())));
  }

  private static Fault cache(String name, String detector, String counter) {
    return cache(
        name,
        detector,
        cache -> {
          CacheSurgery surgery = new CacheSurgery(cache);
          surgery.setLong(counter, surgery.getLong(counter) + 1);
        });
  }

  private static Fault sequence(String name, String detector, Operation<KvSequence> operation) {
    return cache(
        name,
        detector,
        cache -> {
          for (KvSequence sequence : cache.sequences().all()) {
            operation.operate(sequence);
          }
        });
  }

  private static Fault cache(String name, String detector, Operation<PagedKvCache> operation) {
    return new Fault(
        name,
        detector,
        new Surroundings() {
          @Override
          public void disturb(PagedKvCache cache, int number) {
            if (number % 10 == 9) {
              try {
                operation.operate(cache);
              } catch (ReflectiveOperationException e) {
                throw new LinkageError("fields have other names now", e);
              }
            }
          }
        });
  }

  private static void decrementSome(int[] counts) {
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 1) {
        counts[i]--;
        return;
      }
    }
  }

  private static void inventOwner(PoolSurgery pool) throws ReflectiveOperationException {
    int[] counts = pool.array("referenceCounts");
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        counts[i]++;
        return;
      }
    }
  }

  private static void freeOwned(PoolSurgery pool) throws ReflectiveOperationException {
    int[] counts = pool.array("referenceCounts");
    int numFree = pool.get("numFree");
    for (int i = 0; i < counts.length && numFree > 0; i++) {
      if (counts[i] > 0) {
        pool.array("freeIds")[numFree - 1] = i;
        return;
      }
    }
  }

  private static void swapBlocks(KvSequence sequence) {
    if (sequence.table.numBlocks() > 1) {
      long last = sequence.table.handle(sequence.table.numBlocks() - 1);
      long[] handles = handles(sequence);
      handles[sequence.table.numBlocks() - 1] = handles[0];
      handles[0] = last;
    }
  }

  private static long[] handles(KvSequence sequence) {
    try {
      Field field = sequence.table.getClass().getDeclaredField("handles");
      field.setAccessible(true);
      return (long[]) field.get(sequence.table);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(
          "fields have other names now: " + Arrays.toString(e.getStackTrace()), e);
    }
  }
}
