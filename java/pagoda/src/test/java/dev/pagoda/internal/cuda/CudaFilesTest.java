package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.file.ModelFingerprint;
import dev.pagoda.tier.file.SequenceStore;
import java.nio.file.Path;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A conversation saved by one backend goes on in another whose key tiles lie differently: the
 * device agrees within the dtype's bound, and what comes back from it is the same to the bit.
 */
@Tag("gpu")
class CudaFilesTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model");
  private static final AttentionSpec SPEC = AttentionSpec.causal(6, 0.16f);
  private static final int NUM_LAYERS = 2;
  private static final int KV_WIDTH = 3 * 40;
  private static final int QUERY_WIDTH = 6 * 40;
  private static final int SAVED_TOKENS = 45; // six blocks of 7 and a part of one

  @TempDir Path folder;

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  private static PagedKvCache open(Backend backend, DType dtype) {
    KvShape shape = KvShape.uniform(NUM_LAYERS, 3, 40, dtype).withBlockSize(7);
    return PagedKvCache.open(shape, backend, Capacity.blocks(40), Checks.DEBUG);
  }

  /** Rows that follow from their positions; returns what the tokens see in the last layer. */
  private static float[] grow(KvSequence sequence, PagedKvCache cache, int numTokens) {
    float[] keys = new float[numTokens * KV_WIDTH];
    float[] values = new float[numTokens * KV_WIDTH];
    float[] queries = new float[numTokens * QUERY_WIDTH];
    float[] output = new float[queries.length];
    try (Step step = cache.newStep().append(sequence, numTokens).begin()) {
      for (int layer = 0; layer < NUM_LAYERS; layer++) {
        for (int i = 0; i < numTokens; i++) {
          int position = sequence.length() + i;
          RandomGenerator random = Seeds.generator(SEED, "token " + position + " of " + layer);
          fill(keys, i * KV_WIDTH, KV_WIDTH, random);
          fill(values, i * KV_WIDTH, KV_WIDTH, random);
          fill(queries, i * QUERY_WIDTH, QUERY_WIDTH, random);
        }
        step.write(layer, Rows.of(keys), Rows.of(values));
        step.attend(layer, SPEC, Rows.of(queries), Rows.of(output));
      }
      step.commit();
    }
    return output;
  }

  private static void fill(float[] rows, int first, int count, RandomGenerator random) {
    for (int i = first; i < first + count; i++) {
      rows[i] = (float) random.nextGaussian();
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(DType.class)
  void aConversationMovesToTheDeviceAndBack(DType dtype) {
    Path first = folder.resolve("first.kv");
    Path second = folder.resolve("second.kv");
    float[] expected;
    try (PagedKvCache host = open(Backend.SCALAR, dtype);
        SequenceStore store = SequenceStore.open(host, MODEL);
        KvSequence chat = host.newSequence()) {
      assertThat(host.layout().keyOrder()).isEqualTo(KeyOrder.DIM_MAJOR);
      grow(chat, host, SAVED_TOKENS);
      store.save(chat, new int[SAVED_TOKENS], first);
      expected = grow(chat, host, 5);
    }
    try (PagedKvCache device = open(Backend.CUDA, dtype);
        SequenceStore store = SequenceStore.open(device, MODEL);
        KvSequence chat = store.restore(first).sequence()) {
      assertThat(device.layout().keyOrder()).isEqualTo(KeyOrder.TOKEN_MAJOR);
      assertThat(chat.length()).isEqualTo(SAVED_TOKENS);
      store.save(chat, new int[SAVED_TOKENS], second);
      float[] actual = grow(chat, device, 5);
      assertThat(TwoCaches.difference(actual, expected, 0))
          .as("on the device, seed=%d", SEED)
          .isLessThan(TwoCaches.bound(dtype));
    }
    try (PagedKvCache host = open(Backend.SCALAR, dtype);
        SequenceStore store = SequenceStore.open(host, MODEL);
        KvSequence chat = store.restore(second).sequence()) {
      assertThat(grow(chat, host, 5)).as("back again, seed=%d", SEED).containsExactly(expected);
    }
  }
}
