package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.BackendUnavailableException;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Output and LSE of a prompt's last tokens are the same bits from a prefix hit as from scratch. */
class PrefixBitsTest {
  private static final int NUM_LAYERS = 2;
  private static final int KV_HEADS = 2;
  private static final int QUERY_HEADS = 4;
  private static final int HEAD_DIM = 16;
  private static final int PROMPT_TOKENS = 75;
  private static final int BLOCK_SIZE = 16;

  static Stream<Arguments> cases() {
    return Stream.of(Backend.SCALAR, Backend.VECTOR)
        .flatMap(backend ->
            Stream.of(DType.FP32, DType.BF16)
                .flatMap(dtype ->
                    IntStream.of(0, 5, 16, 31, 32, 64, 70, 74)
                        .mapToObj(shared -> Arguments.of(backend, dtype, shared))));
  }

  @ParameterizedTest(name = "{0}, {1}, {2} tokens in common")
  @MethodSource("cases")
  void aHitLeavesTheBitsOfAttentionAsTheyAre(Backend backend, DType dtype, int shared) {
    int[] prompt = IntStream.range(100, 100 + PROMPT_TOKENS).toArray();
    int[] other = new int[96]; // full blocks, so that all of it is shareable
    Arrays.setAll(other, i -> i < shared ? prompt[i] : 7000 + i);
    float[][] cold;
    try (PagedKvCache cache = open(backend, dtype);
        KvSequence sequence = cache.newSequence()) {
      cold = compute(cache, sequence, prompt, 0);
    }
    try (PagedKvCache cache = open(backend, dtype);
        PrefixCache prefixes = PrefixCache.open(cache, PrefixSettings.of("model"))) {
      try (TokenSequence before = prefixes.open(other, Namespace.COMMON)) {
        compute(cache, before.sequence(), other, 0);
      }
      scramble(cache);
      try (TokenSequence warm = prefixes.open(prompt, Namespace.COMMON)) {
        assertThat(warm.length()).isEqualTo(shared);
        float[][] hit = compute(cache, warm.sequence(), prompt, shared);
        for (int i = 0; i < hit.length; i++) {
          int width = cold[i].length / PROMPT_TOKENS;
          assertThat(bits(hit[i]))
              .as("output %d of the tokens behind the prefix", i)
              .isEqualTo(bits(Arrays.copyOfRange(cold[i], shared * width, cold[i].length)));
        }
      }
    }
  }

  private static PagedKvCache open(Backend backend, DType dtype) {
    KvShape shape =
        KvShape.uniform(NUM_LAYERS, KV_HEADS, HEAD_DIM, dtype).withBlockSize(BLOCK_SIZE);
    try {
      return PagedKvCache.open(shape, backend, Capacity.blocks(16));
    } catch (BackendUnavailableException unavailable) {
      assumeTrue(false, unavailable.getMessage());
      throw unavailable;
    }
  }

  /** Somebody else uses the free blocks, so that the rest of the prompt lies in other ones. */
  private static void scramble(PagedKvCache cache) {
    try (KvSequence somebody = cache.newSequence()) {
      int numFree = cache.statistics().blocks().numFree();
      compute(cache, somebody, IntStream.range(0, numFree * BLOCK_SIZE - 3).toArray(), 0);
    } catch (OutOfBlocksException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static List<AttentionSpec> specs() {
    AttentionSpec causal = AttentionSpec.causal(QUERY_HEADS, 0.25f);
    return List.of(causal, causal.withMask(new AttentionMask(true, 20)));
  }

  /** Appends the tokens from a position on; returns output and LSE of them per layer and spec. */
  private static float[][] compute(
      PagedKvCache cache, KvSequence sequence, int[] tokens, int from) {
    int count = tokens.length - from;
    float[][] results = new float[NUM_LAYERS * specs().size() * 2][];
    int next = 0;
    try (Step step = cache.newStep()) {
      step.append(sequence, count).begin();
      for (int layer = 0; layer < NUM_LAYERS; layer++) {
        Rows keys = Rows.of(rows(tokens, from, KV_HEADS * HEAD_DIM, layer * 3));
        Rows values = Rows.of(rows(tokens, from, KV_HEADS * HEAD_DIM, layer * 3 + 1));
        float[] queries = rows(tokens, from, QUERY_HEADS * HEAD_DIM, layer * 3 + 2);
        step.write(layer, keys, values);
        for (AttentionSpec spec : specs()) {
          float[] output = new float[queries.length];
          float[] lse = new float[count * QUERY_HEADS];
          AttentionRows rows = new AttentionRows(Rows.of(queries), Rows.of(output), Rows.of(lse));
          step.attend(layer, spec, rows, Workers.caller());
          results[next++] = output;
          results[next++] = lse;
        }
      }
      step.commit();
    }
    return results;
  }

  /** What a model would compute: here a function of the token and its position. */
  private static float[] rows(int[] tokens, int from, int width, int plane) {
    float[] rows = new float[(tokens.length - from) * width];
    for (int i = from; i < tokens.length; i++) {
      SplittableRandom random = new SplittableRandom(tokens[i] * 1_000_003L + i * 31L + plane);
      for (int j = 0; j < width; j++) {
        rows[(i - from) * width + j] = (float) random.nextDouble(-1, 1);
      }
    }
    return rows;
  }

  private static int[] bits(float[] numbers) {
    int[] bits = new int[numbers.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(numbers[i]));
    return bits;
  }
}
