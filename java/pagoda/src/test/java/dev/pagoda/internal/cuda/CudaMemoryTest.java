package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.CudaStep;
import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.cuda.StepRoom;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Where a device's blocks lie, how they move, and what happens when there is not enough. */
@Tag("gpu")
class CudaMemoryTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  private static DeviceStorage open(KvLayout layout, int numBlocks) {
    DeviceQueue queue = DeviceQueue.open(CudaPlace.firstDevice());
    return new DeviceStorage(layout, numBlocks, queue, StepRoom.growing());
  }

  private static void fill(HostStorage host, RandomGenerator random) {
    byte[] bytes = new byte[(int) host.segment().byteSize()];
    random.nextBytes(bytes);
    host.segment().copyFrom(MemorySegment.ofArray(bytes));
  }

  @Test
  void blocksGoOutAndComeInBitForBit() {
    KvLayout layout =
        new KvLayout(KvShape.uniform(3, 2, 40, DType.FP16).withBlockSize(7), KeyOrder.TOKEN_MAJOR);
    RandomGenerator random = Seeds.generator(SEED, "bits");
    int numBlocks = 50;
    int[] here = new int[numBlocks];
    int[] there = new int[numBlocks];
    for (int i = 0; i < numBlocks; i++) {
      here[i] = (i * 7) % numBlocks;
      there[i] = (i * 11) % numBlocks;
    }
    try (DeviceStorage device = open(layout, numBlocks);
        HostStorage source = HostStorage.allocate(layout, numBlocks);
        HostStorage pinned = device.openHostStorage(numBlocks);
        HostStorage pageable = HostStorage.allocate(layout, numBlocks)) {
      assertThat(pinned.isPageLocked()).isTrue();
      fill(source, random);
      device.copyIn(source, there, here, numBlocks);
      device.copyOut(here, pinned, there, numBlocks);
      assertThat(pinned.segment().mismatch(source.segment())).as("seed=" + SEED).isEqualTo(-1);

      for (int i = 0; i < numBlocks; i++) {
        device.poison(i);
      }
      device.copyIn(pinned, there, here, numBlocks);
      device.copyBlocks(new int[] {here[3], here[4]}, new int[] {here[0], here[1]}, 2);
      device.copyOut(here, pageable, there, numBlocks);
      long blockBytes = layout.blockBytes();
      for (int i = 0; i < numBlocks; i++) {
        int from = i < 2 ? there[3 + i] : there[i];
        assertThat(
                pageable
                    .segment()
                    .asSlice(layout.blockOffset(there[i]), blockBytes)
                    .mismatch(source.segment().asSlice(layout.blockOffset(from), blockBytes)))
            .as("block " + i + ", seed=" + SEED)
            .isEqualTo(-1);
      }
    }
  }

  @Test
  void idsOutOfRangeAndOtherLayoutsAreRefused() {
    KvLayout layout = new KvLayout(KvShape.uniform(1, 1, 16, DType.FP32), KeyOrder.TOKEN_MAJOR);
    KvLayout other = new KvLayout(KvShape.uniform(1, 1, 16, DType.FP16), KeyOrder.TOKEN_MAJOR);
    try (DeviceStorage device = open(layout, 4);
        HostStorage host = HostStorage.allocate(other, 4)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> device.copyBlocks(new int[] {0}, new int[] {4}, 1))
          .withMessageContaining("blockId=4");
      assertThatIllegalArgumentException().isThrownBy(() -> device.poison(-1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> device.copyOut(new int[] {0}, host, new int[] {0}, 1))
          .withMessageContaining("equal layouts");
    }
  }

  @Test
  void aFenceBehindACopyThatWasRefusedPassesAndTheStorageWorksOn() {
    KvLayout layout = new KvLayout(KvShape.uniform(2, 2, 64, DType.BF16), KeyOrder.TOKEN_MAJOR);
    int[] ids = {0, 1, 2, 3, 4};
    int skew = 8; // launches want 16
    try (DeviceStorage device = open(layout, ids.length);
        HostStorage host = device.openHostStorage(ids.length);
        HostStorage skewed =
            HostStorage.pageLocked(
                layout,
                ids.length,
                (byteSize, arena) ->
                    device.queue().allocatePinned(skew + byteSize, arena).asSlice(skew))) {
      byte[] bytes = new byte[(int) host.segment().byteSize()];
      Seeds.generator(SEED, "refused").nextBytes(bytes);
      host.segment().copyFrom(MemorySegment.ofArray(bytes));
      device.copyIn(host, ids, ids, ids.length);
      assertThat(device.fence()).isSameAs(Fence.PASSED);

      skewed.segment().fill((byte) 3);
      assertThatExceptionOfType(NativeCallException.class)
          .isThrownBy(() -> device.copyOut(ids, skewed, ids, ids.length))
          .withMessageContaining("multiple of 16: target_pool=");
      Fence fence = device.fence();
      fence.await();
      assertThat(fence.hasPassed()).isTrue();
      assertThat(skewed.segment().toArray(ValueLayout.JAVA_BYTE)).containsOnly(3);

      host.segment().fill((byte) 0);
      device.copyOut(ids, host, ids, ids.length);
      assertThat(device.fence()).isSameAs(Fence.PASSED);
      assertThat(host.segment().toArray(ValueLayout.JAVA_BYTE)).as("seed=" + SEED).isEqualTo(bytes);
    }
  }

  @Test
  void aPoolThatDoesNotFitIsRefusedWithTheNumbersAndLeavesTheDeviceAsItWas() {
    KvShape shape = KvShape.uniform(32, 8, 128, DType.BF16);
    // Other processes may take memory meanwhile, but what is lost here is lost each time.
    long leastLost = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      long before = DeviceCalls.describe(0).memory().freeBytes();
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> PagedKvCache.open(shape, Backend.CUDA, Capacity.bytes(1L << 40)).close())
          .withMessageContaining("does not fit in device memory")
          .withMessageContaining("free_bytes=");
      leastLost = Math.min(leastLost, before - DeviceCalls.describe(0).memory().freeBytes());
    }
    assertThat(leastLost).isLessThan(64L << 20);

    try (PagedKvCache cache = PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(4))) {
      assertThat(cache.statistics().blocks().numFree()).isEqualTo(4);
    }
  }

  @Test
  void memoryOfTheHostIsRefusedByName() {
    try (Arena arena = Arena.ofConfined()) {
      Capacity within = Capacity.within(arena.allocate(1 << 20, 64));
      KvShape good = KvShape.uniform(1, 1, 64, DType.BF16);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> PagedKvCache.open(good, Backend.CUDA, within).close())
          .withMessageContaining("device memory");
    }
  }

  @Test
  void aClosedStorageRefuses() {
    KvLayout layout = new KvLayout(KvShape.uniform(1, 1, 16, DType.FP32), KeyOrder.TOKEN_MAJOR);
    DeviceStorage device = open(layout, 4);
    device.close();

    assertThatIllegalStateException().isThrownBy(device::close);
    assertThatIllegalStateException().isThrownBy(() -> device.poison(0));
    assertThatIllegalStateException().isThrownBy(device::synchronize);
  }

  @Test
  void memoryOfTheCallersIsFreedOnceAndBeforeItsCache() {
    KvShape shape = KvShape.uniform(1, 1, 16, DType.FP32);
    PagedKvCache cache = PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(4));
    CudaCache cuda = cache.unwrap(CudaCache.class);
    DeviceBuffer freed = cuda.allocate(100);
    DeviceBuffer kept = cuda.allocate(100);
    freed.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> freed.copyTo(MemorySegment.ofArray(new byte[100])))
        .withMessageContaining("closed before");
    assertThatIllegalStateException()
        .isThrownBy(freed::close)
        .withMessageEndingWith(freed.pointer().toString());

    cache.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> kept.copyTo(MemorySegment.ofArray(new byte[100])))
        .withMessageContaining("the cache was closed");
    assertThatIllegalStateException()
        .isThrownBy(kept::close)
        .withMessageContaining("the cache was closed");
  }

  /**
   * Blocks whose first bytes lie beyond 2^31 and 2^32 bytes, and whose elements are numbered beyond
   * 2^31: one token per block at ids around powers of two, everything else NaN.
   */
  @Test
  @Tag("nvidia")
  void blocksBeyondFourGibibytesAreFoundByEveryKernel() {
    KvShape shape = KvShape.uniform(2, 8, 128, DType.BF16); // 128 KiB per block
    int numBlocks = 90_000; // 11.8 GB, 5.9 * 10^9 elements
    try (PagedKvCache cache =
            PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(numBlocks), Checks.DEBUG);
        SwapSpace swap = SwapSpace.open(cache, Capacity.blocks(8))) {
      KvSequence filler = cache.newSequence();
      int[] boundaries = {16_384, 32_768, 65_536};
      Step step = cache.newStep();
      for (int boundary : boundaries) {
        // Takes blocks until the next one lies around the boundary.
        occupy(cache, filler, boundary - 2);
        KvSequence sequence = cache.newSequence();
        attendAlone(step, sequence, 50, "around " + boundary);
        assertThat(sequence.blockIds()).contains(boundary);
        try (KvSequence fork = sequence.fork()) {
          attendAlone(step, fork, 3, "a copy around " + boundary);
        }
        SwappedGroup out = swap.swapOut(List.of(sequence));
        swap.swapIn(out);
        attendAlone(step, sequence, 1, "swapped around " + boundary);
        sequence.close();
      }
      filler.close();
    }
  }

  /** Grows a sequence, without writing what nobody reads, until it has so many blocks. */
  private static void occupy(PagedKvCache cache, KvSequence filler, int numBlocks) {
    int tokens = numBlocks * 16 - filler.length();
    try (Step step = cache.newStep()) {
      step.append(filler, tokens).begin();
      step.unwrap(CudaStep.class).declareWritten();
      step.commit();
    }
  }

  /** With values of one and keys alike, attention over any context is one. */
  private static void attendAlone(Step step, KvSequence sequence, int numTokens, String what) {
    step.append(sequence, numTokens).begin();
    float[] ones = new float[numTokens * 8 * 128];
    Arrays.fill(ones, 1f);
    float[] queries = new float[numTokens * 32 * 128];
    float[] output = new float[numTokens * 32 * 128];
    for (int layer = 0; layer < 2; layer++) {
      step.write(layer, Rows.of(ones), Rows.of(ones));
      Arrays.fill(output, Float.NaN);
      step.attend(layer, AttentionSpec.causal(32, 0.1f), Rows.of(queries), Rows.of(output));
      for (float value : output) {
        if (Math.abs(value - 1f) > 1e-2f) {
          throw new AssertionError(what + ", layer " + layer + ": value=" + value);
        }
      }
    }
    step.commit();
  }
}
