package dev.pagoda.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collections;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostStorageTest {
  private static final int BLOCKS = 6;

  private static KvLayout layout() {
    return new KvLayout(KvShape.uniform(2, 2, 5, DType.BF16).withBlockSize(3), KeyOrder.DIM_MAJOR);
  }

  /** Fills a storage with bytes that tell blocks apart. */
  private static byte[] fill(HostStorage storage, long seed) {
    byte[] bytes = new byte[(int) storage.segment().byteSize()];
    new SplittableRandom(seed).nextBytes(bytes);
    MemorySegment.copy(bytes, 0, storage.segment(), ValueLayout.JAVA_BYTE, 0, bytes.length);
    return bytes;
  }

  private static byte[] block(byte[] pool, KvLayout layout, int blockId) {
    int from = (int) layout.blockOffset(blockId);
    return Arrays.copyOfRange(pool, from, from + (int) layout.blockBytes());
  }

  private static byte[] bytes(HostStorage storage) {
    return storage.segment().toArray(ValueLayout.JAVA_BYTE);
  }

  private static int[] ints(int... values) {
    return values;
  }

  @Test
  void allocatedMemoryIsZeroedAlignedAndOfTheSizeTheLayoutSays() {
    try (HostStorage storage = HostStorage.allocate(layout(), BLOCKS)) {
      assertThat(storage.numBlocks()).isEqualTo(BLOCKS);
      assertThat(storage.segment().byteSize()).isEqualTo(layout().poolBytes(BLOCKS));
      assertThat(storage.segment().address() % KvLayout.TILE_ALIGNMENT_BYTES).isZero();
      assertThat(bytes(storage)).containsOnly(0);
      assertThat(storage.layout().shape()).isEqualTo(layout().shape());
    }
  }

  // Copies.

  @Test
  void copyingBlocksCopiesThemBitForBitAndTouchesNoOther() {
    KvLayout layout = layout();
    try (HostStorage storage = HostStorage.allocate(layout, BLOCKS)) {
      byte[] before = fill(storage, 1);
      storage.copyBlocks(ints(0, 0, 5, 99), ints(3, 1, 2, 99), 3);

      byte[] after = bytes(storage);
      int[] origin = {0, 0, 5, 0, 4, 5};
      for (int id = 0; id < BLOCKS; id++) {
        assertThat(block(after, layout, id))
            .as("block %d", id)
            .isEqualTo(block(before, layout, origin[id]));
      }
    }
  }

  @Test
  void copyingOutAndInAgainElsewhereRestoresEveryBit() {
    KvLayout layout = layout();
    try (HostStorage pool = HostStorage.allocate(layout, BLOCKS);
        HostStorage swap = HostStorage.allocate(layout, 3)) {
      byte[] before = fill(pool, 2);
      fill(swap, 3);
      pool.copyOut(ints(4, 0, 2), swap, ints(2, 1, 0), 3);
      fill(pool, 4);
      pool.copyIn(swap, ints(2, 1, 0), ints(1, 3, 5), 3);

      byte[] after = bytes(pool);
      assertThat(block(after, layout, 1)).isEqualTo(block(before, layout, 4));
      assertThat(block(after, layout, 3)).isEqualTo(block(before, layout, 0));
      assertThat(block(after, layout, 5)).isEqualTo(block(before, layout, 2));
    }
  }

  @ParameterizedTest
  @CsvSource({"-1,0", "6,0", "0,-1", "0,6", "2147483647,0", "0,-2147483648"})
  void anIdThatIsNoBlockIsRefusedBeforeAnythingIsCopied(int source, int target) {
    try (HostStorage storage = HostStorage.allocate(layout(), BLOCKS);
        HostStorage other = HostStorage.allocate(layout(), BLOCKS)) {
      byte[] before = fill(storage, 5);
      byte[] otherBefore = fill(other, 6);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> storage.copyBlocks(ints(1, source), ints(2, target), 2))
          .withMessageContaining(
              "numBlocks=6, blockId=" + (source < 0 || source > 5 ? source : target));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> storage.copyOut(ints(1, source), other, ints(2, target), 2));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> storage.copyIn(other, ints(1, source), ints(2, target), 2));
      assertThat(bytes(storage)).isEqualTo(before);
      assertThat(bytes(other)).isEqualTo(otherBefore);
    }
  }

  @Test
  void moreCopiesThanIdsAreRefusedBeforeAnythingIsCopied() {
    try (HostStorage storage = HostStorage.allocate(layout(), BLOCKS)) {
      byte[] before = fill(storage, 7);
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> storage.copyBlocks(ints(0, 1), ints(2), 2));
      assertThat(bytes(storage)).isEqualTo(before);
    }
  }

  @Test
  void blocksOfAnotherLayoutAreRefused() {
    KvShape shape = layout().shape();
    KvLayout tokenMajor = new KvLayout(shape, KeyOrder.TOKEN_MAJOR); // as many bytes, other places
    KvLayout otherSize = new KvLayout(shape.withBlockSize(4), KeyOrder.DIM_MAJOR);
    try (HostStorage storage = HostStorage.allocate(layout(), BLOCKS)) {
      for (KvLayout layout : new KvLayout[] {tokenMajor, otherSize}) {
        try (HostStorage other = HostStorage.allocate(layout, BLOCKS)) {
          assertThatIllegalArgumentException()
              .isThrownBy(() -> storage.copyIn(other, ints(0), ints(0), 1))
              .withMessageContaining("layout");
          assertThatIllegalArgumentException()
              .isThrownBy(() -> storage.copyOut(ints(0), other, ints(0), 1));
        }
      }
    }
  }

  // Poison.

  @Test
  void poisonReadsAsNaNInEveryTypeAndStaysInItsBlock() {
    try (HostStorage storage = HostStorage.allocate(layout(), BLOCKS)) {
      byte[] before = fill(storage, 8);
      storage.poison(3);

      byte[] after = bytes(storage);
      for (int id = 0; id < BLOCKS; id++) {
        if (id != 3) {
          assertThat(block(after, layout(), id)).isEqualTo(block(before, layout(), id));
        }
      }
      MemorySegment poisoned =
          storage.segment().asSlice(layout().blockOffset(3), layout().blockBytes());
      for (long offset = 0; offset < poisoned.byteSize(); offset += 2) {
        short bits = poisoned.get(ValueLayout.JAVA_SHORT, offset);
        assertThat(BFloat16.toFloat(bits)).isNaN();
        assertThat(Float.float16ToFloat(bits)).isNaN();
      }
      for (long offset = 0; offset < poisoned.byteSize(); offset += 4) {
        assertThat(poisoned.get(ValueLayout.JAVA_FLOAT, offset)).isNaN();
      }
      assertThatIllegalArgumentException().isThrownBy(() -> storage.poison(BLOCKS));
      assertThatIllegalArgumentException().isThrownBy(() -> storage.poison(-1));
    }
  }

  // Refusals of memory.

  @Test
  void aPoolNeedsABlock() {
    for (int numBlocks : new int[] {0, -1, Integer.MIN_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> HostStorage.allocate(layout(), numBlocks))
          .withMessageEndingWith("numBlocks=" + numBlocks);
    }
  }

  @Test
  void moreThanTheMachineHasIsRefusedWithTheNumbers() {
    LayerShape large = new LayerShape(64, 256, 256, DType.FP32, DType.FP32); // 2^25 bytes
    KvLayout layout =
        new KvLayout(new KvShape(Collections.nCopies(4, large), 256), KeyOrder.DIM_MAJOR);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HostStorage.allocate(layout, Integer.MAX_VALUE))
        .withMessageContaining("poolBytes=" + layout.blockBytes() * Integer.MAX_VALUE)
        .withMessageContaining("blockBytes=" + layout.blockBytes());
  }

  @Test
  void aPoolBeyond2To63BytesIsRefusedWithTheNumbers() {
    LayerShape huge = new LayerShape(1 << 16, 256, 256, DType.FP32, DType.FP32);
    KvLayout layout =
        new KvLayout(new KvShape(Collections.nCopies(32, huge), 256), KeyOrder.DIM_MAJOR);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HostStorage.allocate(layout, Integer.MAX_VALUE))
        .withMessageEndingWith("blockBytes=" + (1L << 40) + ", numBlocks=" + Integer.MAX_VALUE);
  }

  @Test
  void theSystemsRefusalBecomesOneWithTheNumbers() {
    IllegalArgumentException refused = HostMemory.refused(100, 10, new OutOfMemoryError());
    assertThat(refused)
        .hasMessageEndingWith("blockBytes=10, poolBytes=100")
        .hasCauseInstanceOf(OutOfMemoryError.class);
  }

  // Memory of the caller's.

  @Test
  void aPoolOverTheCallersMemoryKeepsItsContentAndLeavesItOpen() {
    KvLayout layout = layout();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(layout.poolBytes(2) + layout.blockBytes() - 1, 64);
      memory.fill((byte) 7);
      HostStorage storage = HostStorage.over(layout, memory);
      assertThat(storage.numBlocks()).isEqualTo(2);
      assertThat(storage.segment().address()).isEqualTo(memory.address());
      storage.copyBlocks(ints(0), ints(1), 1);
      storage.close();
      assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
      assertThatIllegalStateException().isThrownBy(() -> storage.poison(0));
    }
  }

  @Test
  void memoryThatCannotBeAPoolIsRefused() {
    KvLayout layout = layout();
    long blockBytes = layout.blockBytes();
    MemorySegment closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = arena.allocate(4 * blockBytes, 64);
      MemorySegment memory = arena.allocate(4 * blockBytes, 64);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> HostStorage.over(layout, MemorySegment.ofArray(new long[9999])))
          .withMessageContaining("native=false");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> HostStorage.over(layout, memory.asReadOnly()))
          .withMessageContaining("readOnly=true");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> HostStorage.over(layout, memory.asSlice(0, blockBytes - 1)))
          .withMessageEndingWith("blockBytes=" + blockBytes + ", byteSize=" + (blockBytes - 1));
      for (int misalignment : new int[] {1, 2, 4, 8, 16, 32, 63}) {
        MemorySegment slice = memory.asSlice(misalignment);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> HostStorage.over(layout, slice))
            .withMessageEndingWith("address=" + slice.address());
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> HostStorage.over(layout, MemorySegment.NULL));
      assertThatNullPointerException().isThrownBy(() -> HostStorage.over(layout, null));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HostStorage.over(layout, closed))
        .withMessageEndingWith("alive=false");
  }

  @Test
  void capacityOverTheCallersMemoryIsHeldAtWhatAnIdCanName() {
    KvLayout tiny =
        new KvLayout(KvShape.uniform(1, 1, 1, DType.FP16).withBlockSize(1), KeyOrder.DIM_MAJOR);
    // Addresses alone: nothing is touched, so that the memory need not be there.
    MemorySegment vast = MemorySegment.ofAddress(1L << 40).reinterpret(tiny.blockBytes() << 32);
    HostStorage storage = HostStorage.over(tiny, vast);

    assertThat(storage.numBlocks()).isEqualTo(Integer.MAX_VALUE);
    storage.close();
  }

  // After the end.

  @Test
  void aClosedStorageRefusesEverything() {
    HostStorage storage = HostStorage.allocate(layout(), 2);
    HostStorage other = HostStorage.allocate(layout(), 2);
    storage.close();

    assertThatIllegalStateException().isThrownBy(storage::close).withMessageContaining("closed");
    assertThatIllegalStateException().isThrownBy(() -> storage.copyBlocks(ints(0), ints(1), 1));
    assertThatIllegalStateException().isThrownBy(() -> storage.copyBlocks(ints(), ints(), 0));
    assertThatIllegalStateException().isThrownBy(() -> storage.copyOut(ints(0), other, ints(0), 1));
    assertThatIllegalStateException().isThrownBy(() -> storage.copyIn(other, ints(0), ints(0), 1));
    assertThatIllegalStateException().isThrownBy(() -> other.copyIn(storage, ints(0), ints(0), 1));
    assertThatIllegalStateException().isThrownBy(() -> other.copyOut(ints(0), storage, ints(0), 1));
    assertThatIllegalStateException().isThrownBy(() -> storage.poison(0));
    other.close();
  }

  @Test
  void closingGivesTheMemoryBack() {
    HostStorage storage = HostStorage.allocate(layout(), 2);
    MemorySegment segment = storage.segment();
    storage.close();

    assertThat(segment.scope().isAlive()).isFalse();
  }
}
