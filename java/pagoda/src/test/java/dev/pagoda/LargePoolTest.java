package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A pool beyond 2^31 elements and 2^32 bytes: a sparse file of 9.4 GiB, of which only the blocks at
 * its end are ever touched. They must hold, copy and give exactly what a small pool does.
 */
class LargePoolTest {
  private static final int NUM_LAYERS = 32;
  private static final int BLOCK_SIZE = 256;
  private static final int HEAD_DIM = 256;
  private static final int NUM_BLOCKS = 600;

  /** 16 MiB a block, so that few ids reach far. */
  private static final KvShape SHAPE =
      new KvShape(
          Collections.nCopies(NUM_LAYERS, LayerShape.of(1, HEAD_DIM, DType.FP32)), BLOCK_SIZE);

  private static final int[] ATTENDED_LAYERS = {0, 17, NUM_LAYERS - 1};
  private static final AttentionSpec SPEC = AttentionSpec.causal(2, 1 / 16f);

  @ParameterizedTest
  @EnumSource(
      value = Backend.class,
      names = {"SCALAR", "VECTOR"})
  void blocksAtTheFarEndHoldWhatBlocksOfASmallPoolDo(Backend backend, @TempDir Path folder)
      throws IOException {
    assumeTrue(
        backend.unavailabilityReason().isEmpty(), () -> backend.unavailabilityReason().orElse(""));
    try (Arena arena = Arena.ofShared()) {
      MemorySegment far = sparse(folder, arena);
      try (PagedKvCache large = PagedKvCache.open(SHAPE, backend, Capacity.within(far));
          PagedKvCache small = PagedKvCache.open(SHAPE, backend, Capacity.blocks(4))) {
        KvLayout layout = large.layout();
        assertThat(large.statistics().blocks().numBlocks()).isEqualTo(NUM_BLOCKS);
        assertThat(large.statistics().poolBytes())
            .isGreaterThan(4 * (1L << 31))
            .isGreaterThan(1L << 32);

        KvSequence filler = large.newSequence();
        try (Step held = large.newStep()) {
          held.append(filler, (NUM_BLOCKS - 4) * BLOCK_SIZE).begin(); // written never
          KvSequence atTheEnd = large.newSequence();
          float[] outputs = prefillForkAndDecode(large, atTheEnd);
          KvSequence near = small.newSequence();
          float[] expected = prefillForkAndDecode(small, near);
          assertThat(atTheEnd.blockIds()).containsExactly(NUM_BLOCKS - 4, NUM_BLOCKS - 3);
          assertThat(outputs).isEqualTo(expected).doesNotContain(Float.NaN);
          assertThat(sumOfMagnitudes(outputs)).isGreaterThan(1);
          requireUntouched(far, layout);
          atTheEnd.close();
          near.close();
        }
        large.checkConservation();
        assertThat(large.statistics().numBlockCopies()).isEqualTo(1);
        filler.close();
      }
    }
    try (var left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }
  }

  /** Zeros without end, from a file that is gone from its folder at once. */
  private static MemorySegment sparse(Path folder, Arena arena) throws IOException {
    Path file = folder.resolve("pool");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      long bytes = (long) NUM_BLOCKS * NUM_LAYERS * 2 * BLOCK_SIZE * HEAD_DIM * Float.BYTES;
      return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
    } finally {
      Files.delete(file);
    }
  }

  /** A prompt of two blocks, a fork, and a token each, the first of which copies a block. */
  private static float[] prefillForkAndDecode(PagedKvCache cache, KvSequence sequence) {
    SplittableRandom random = new SplittableRandom(17);
    step(cache, random, BLOCK_SIZE + 2, sequence);
    try (KvSequence fork = sequence.fork()) {
      return step(cache, random, 1, fork, sequence);
    }
  }

  /** Appends to each sequence; what the last row of each sees in a few layers. */
  private static float[] step(
      PagedKvCache cache, SplittableRandom random, int numTokens, KvSequence... sequences) {
    int numRows = numTokens * sequences.length;
    Rows keys = Rows.of(numbers(random, numRows * HEAD_DIM));
    Rows values = Rows.of(numbers(random, numRows * HEAD_DIM));
    Rows queries = Rows.of(numbers(random, 2 * HEAD_DIM), 0, 0); // the same for every row
    int width = 2 * HEAD_DIM;
    float[] outputs = new float[ATTENDED_LAYERS.length * numRows * width];
    try (Step step = cache.newStep()) {
      for (KvSequence sequence : sequences) {
        step.append(sequence, numTokens);
      }
      step.begin();
      for (int layer = 0; layer < NUM_LAYERS; layer++) {
        step.write(layer, keys, values);
      }
      for (int i = 0; i < ATTENDED_LAYERS.length; i++) {
        Rows output = Rows.of(outputs, i * numRows * width, Rows.PACKED);
        AttentionRows rows = AttentionRows.of(queries, output);
        for (int last = numTokens - 1; last < numRows; last += numTokens) {
          step.attendToken(ATTENDED_LAYERS[i], SPEC, rows, last, new HeadRange(0, 1));
        }
      }
      step.commit();
    }
    return outputs;
  }

  private static float[] numbers(SplittableRandom random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return numbers;
  }

  private static double sumOfMagnitudes(float[] numbers) {
    double sum = 0;
    for (float number : numbers) {
      sum += Math.abs(number);
    }
    return sum;
  }

  /** Where offsets would land that had been cut to 31 or 32 bits, of bytes or of elements. */
  private static void requireUntouched(MemorySegment far, KvLayout layout) {
    for (int blockId = NUM_BLOCKS - 4; blockId < NUM_BLOCKS; blockId++) {
      for (int layer : ATTENDED_LAYERS) {
        long offset = layout.keyTileOffset(blockId, layer, 0);
        long element = offset / Float.BYTES;
        long[] wrapped = {
          offset & 0xffff_ffffL,
          offset & 0x7fff_ffffL,
          (element & 0xffff_ffffL) * Float.BYTES,
          (element & 0x7fff_ffffL) * Float.BYTES
        };
        for (long wrong : wrapped) {
          if (wrong < layout.blockOffset(NUM_BLOCKS - 4)) {
            for (int i = 0; i < BLOCK_SIZE; i++) {
              float is = far.get(ValueLayout.JAVA_FLOAT, wrong + (long) i * Float.BYTES);
              assertThat(is).as("offset=%d", wrong).isZero();
            }
          }
        }
      }
    }
  }
}
