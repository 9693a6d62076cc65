package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.internal.cuda.NativeBuild;
import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A small cache whose keys and values say in every element which token they belong to, and whose
 * memory can be read: whatever mixes blocks up is seen.
 *
 * <p>It lies on the device when {@code -Ddev.pagoda.test.backend=CUDA} says so, which is how the
 * tests tagged {@code any-backend} run once more; those of them that also are tagged {@code
 * host-memory} need the scalar backend.
 */
public final class ReadableCache implements AutoCloseable {
  private static final boolean ON_DEVICE =
      Backend.valueOf(System.getProperty("dev.pagoda.test.backend", "SCALAR")) == Backend.CUDA;

  private static final KvShape LAYERS =
      new KvShape(
          List.of(
              new LayerShape(1, 2, 1, DType.FP32, DType.FP32),
              // The device wants keys and values alike.
              new LayerShape(2, 3, 2, DType.BF16, ON_DEVICE ? DType.BF16 : DType.FP16)),
          KvShape.BLOCK_SIZE_DEFAULT);

  private final Arena arena;
  private final MemorySegment memory; // of all blocks; on a device a copy, as old as its last read
  private final PagedKvCache cache;

  private ReadableCache(KvShape shape, int numBlocks, Arena arena, Checks checks) {
    this.arena = arena;
    memory = arena.allocate(poolBytes(shape, numBlocks), KvLayout.TILE_ALIGNMENT_BYTES);
    if (ON_DEVICE) {
      NativeBuild.requireDevices();
      cache = PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(numBlocks), checks);
    } else {
      cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.within(memory), checks);
    }
    assertThat(cache.statistics().blocks().numBlocks()).isEqualTo(numBlocks);
  }

  /** The bytes of all blocks as they are now. */
  private MemorySegment bytes() {
    if (ON_DEVICE) {
      int numBlocks = cache.statistics().blocks().numBlocks();
      int[] all = IntStream.range(0, numBlocks).toArray();
      try (HostStorage copy = HostStorage.over(cache.layout(), memory)) {
        ((KvStorage) cache.unwrap(CudaCache.class)).copyOut(all, copy, all, numBlocks);
      }
    }
    return memory;
  }

  private static long poolBytes(KvShape shape, int numBlocks) {
    try (PagedKvCache probe = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(1))) {
      return probe.layout().poolBytes(numBlocks);
    }
  }

  /** With all checks on. */
  @SuppressWarnings("MustBeClosedChecker") // close() does
  public static ReadableCache open(int blockSize, int numBlocks) {
    return new ReadableCache(
        LAYERS.withBlockSize(blockSize), numBlocks, Arena.ofShared(), Checks.DEBUG);
  }

  /** Every touch of its memory fails on any thread but this one. */
  @SuppressWarnings("MustBeClosedChecker") // close() does
  public static ReadableCache openConfined(int blockSize, int numBlocks) {
    return new ReadableCache(
        LAYERS.withBlockSize(blockSize), numBlocks, Arena.ofConfined(), Checks.STANDARD);
  }

  public PagedKvCache cache() {
    return cache;
  }

  /** A sequence of given tokens. */
  public KvSequence sequence(int... tokens) {
    KvSequence sequence = cache.newSequence();
    append(sequence, tokens);
    return sequence;
  }

  /** A sequence of tokens 1, 2, 3 ... */
  public KvSequence counting(int length) {
    return sequence(ascending(length));
  }

  /** The tokens 1, 2, 3 ... */
  public static int[] ascending(int length) {
    int[] tokens = new int[length];
    for (int i = 0; i < length; i++) {
      tokens[i] = i + 1;
    }
    return tokens;
  }

  /** Appends tokens in a step of their own. */
  public void append(KvSequence sequence, int... tokens) {
    if (tokens.length > 0) {
      try (Step step = cache.newStep()) {
        commit(step.append(sequence, tokens.length), tokens);
      }
    }
  }

  /** Begins a planned step, writes the rows of its tokens in all layers, and commits it. */
  public void commit(Step planned, int... tokens) {
    planned.begin();
    write(planned, tokens);
    planned.commit();
  }

  /** Writes the rows of tokens in all layers of a step that has begun. */
  public void write(Step step, int... tokens) {
    assertThat(step.numTokens()).isEqualTo(tokens.length);
    for (int layer = 0; layer < cache.shape().numLayers(); layer++) {
      LayerShape shape = cache.shape().layer(layer);
      int keyWidth = shape.numKvHeads() * shape.keyHeadDim();
      int valueWidth = shape.numKvHeads() * shape.valueHeadDim();
      float[] keys = new float[tokens.length * keyWidth];
      float[] values = new float[tokens.length * valueWidth];
      for (int i = 0; i < keys.length; i++) {
        keys[i] = element(tokens[i / keyWidth], layer, 100 + i % keyWidth);
      }
      for (int i = 0; i < values.length; i++) {
        values[i] = element(tokens[i / valueWidth], layer, i % valueWidth);
      }
      step.write(layer, Rows.of(keys), Rows.of(values));
    }
  }

  /** Exact in the layer's type; the first value of layer 0 is the token itself. */
  private static float element(int token, int layer, int column) {
    return layer == 0 ? token + column : Math.floorMod(token * 31 + column, 250);
  }

  /** The tokens whose keys and values a sequence has, read from memory, every element compared. */
  public int[] tokensOf(KvSequence sequence) {
    KvLayout layout = cache.layout();
    int blockSize = layout.shape().blockSize();
    int[] blockIds = sequence.blockIds();
    int[] tokens = new int[sequence.length()];
    MemorySegment bytes = bytes();
    for (int position = 0; position < tokens.length; position++) {
      int blockId = blockIds[position / blockSize];
      int slot = position % blockSize;
      long first = layout.valueTileOffset(blockId, 0, 0) + slot * layout.valueTokenStrideBytes(0);
      tokens[position] = (int) bytes.get(ValueLayout.JAVA_FLOAT, first);
      for (int layer = 0; layer < layout.shape().numLayers(); layer++) {
        requireElements(tokens[position], layer, blockId, slot);
      }
    }
    return tokens;
  }

  private void requireElements(int token, int layer, int blockId, int slot) {
    KvLayout layout = cache.layout();
    LayerShape shape = layout.shape().layer(layer);
    for (int kvHead = 0; kvHead < shape.numKvHeads(); kvHead++) {
      for (int dim = 0; dim < shape.keyHeadDim(); dim++) {
        long at =
            layout.keyTileOffset(blockId, layer, kvHead)
                + slot * layout.keyTokenStrideBytes(layer)
                + dim * layout.keyDimStrideBytes(layer);
        int column = 100 + kvHead * shape.keyHeadDim() + dim;
        requireElement(token, layer, column, read(at, shape.keyDType()));
      }
      for (int dim = 0; dim < shape.valueHeadDim(); dim++) {
        long at =
            layout.valueTileOffset(blockId, layer, kvHead)
                + slot * layout.valueTokenStrideBytes(layer)
                + (long) dim * shape.valueDType().byteSize();
        int column = kvHead * shape.valueHeadDim() + dim;
        requireElement(token, layer, column, read(at, shape.valueDType()));
      }
    }
  }

  private static void requireElement(int token, int layer, int column, float actual) {
    float expected = element(token, layer, column);
    if (actual != expected) {
      throw new AssertionError(
          "the element is another token's: token="
              + token
              + ", layer="
              + layer
              + ", column="
              + column
              + ", expected="
              + expected
              + ", actual="
              + actual);
    }
  }

  private float read(long offsetBytes, DType dtype) {
    return switch (dtype) {
      case FP32 -> memory.get(ValueLayout.JAVA_FLOAT, offsetBytes);
      case FP16 -> Float.float16ToFloat(memory.get(ValueLayout.JAVA_SHORT, offsetBytes));
      case BF16 -> BFloat16.toFloat(memory.get(ValueLayout.JAVA_SHORT, offsetBytes));
    };
  }

  /** All bytes of a block, those of unowned slots included. */
  public byte[] blockBytes(int blockId) {
    return bytes()
        .asSlice(cache.layout().blockOffset(blockId), cache.layout().blockBytes())
        .toArray(ValueLayout.JAVA_BYTE);
  }

  public int numUsed() {
    return cache.statistics().blocks().numUsed();
  }

  /** Distinct blocks of some sequences. */
  public static int distinctBlocks(List<KvSequence> sequences) {
    Set<Integer> ids = new HashSet<>();
    for (KvSequence sequence : sequences) {
      for (int id : sequence.blockIds()) {
        ids.add(id);
      }
    }
    return ids.size();
  }

  /** Runs on a thread of its own, as memory confined to another one counts as broken there. */
  public static void onAnotherThread(Runnable task) {
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        new Thread(() -> {
          try {
            task.run();
          } catch (Throwable t) {
            thrown[0] = t;
          }
        });
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException interrupted) {
      throw new AssertionError(interrupted);
    }
    switch (thrown[0]) {
      case null -> {}
      case RuntimeException exception -> throw exception;
      case Error error -> throw error;
      default -> throw new AssertionError(thrown[0]);
    }
  }

  /** Closes what is left, after a last look at the books. */
  @Override
  public void close() {
    cache.checkConservation();
    cache.closeAll();
    arena.close();
  }
}
