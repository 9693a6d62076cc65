package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** The promise of bits as callers see it: every way to ask for a row gives the same numbers. */
class SameBitsTest {
  private static final int CASES = 25;

  /** One sequence with a context, and a step of some tokens on it; everything from the seed. */
  private static final class Story {
    final String name;
    final AttentionSpec spec;
    private final KvShape shape;
    private final int contextLength;
    private final int queryLength;
    private final float[] keys;
    private final float[] values;
    private final float[] queries;
    private final int kvWidth;

    Story(long seed) {
      RandomGenerator random = Seeds.generator(seed, "same bits");
      int numKvHeads = 1 + random.nextInt(3);
      int headDim = 8 * (1 + random.nextInt(8));
      DType dtype = List.of(DType.values()).get(random.nextInt(3));
      int groupSize = 1 + random.nextInt(5);
      shape = KvShape.uniform(1, numKvHeads, headDim, dtype).withBlockSize(1 + random.nextInt(40));
      spec = AttentionSpec.causal(numKvHeads * groupSize, 0.3f);
      contextLength = random.nextInt(8) == 0 ? 2000 + random.nextInt(300) : random.nextInt(150);
      queryLength = 1 + random.nextInt(50);
      kvWidth = numKvHeads * headDim;
      keys = randoms(random, (contextLength + queryLength) * kvWidth);
      values = randoms(random, keys.length);
      queries = randoms(random, queryLength * spec.numQueryHeads() * headDim);
      name = "seed=" + seed + ", shape=" + shape + ", contextLength=" + contextLength;
    }

    private static float[] randoms(RandomGenerator random, int count) {
      float[] numbers = new float[count];
      for (int i = 0; i < count; i++) {
        numbers[i] = random.nextFloat(-2f, 2f);
      }
      return numbers;
    }

    private Rows rows(float[] all, int first, int count) {
      return Rows.of(Arrays.copyOfRange(all, first * kvWidth, (first + count) * kvWidth));
    }

    /** Output and LSE, one behind the other. */
    float[] run(Backend backend, Workers workers, boolean leafCalls, boolean afterFork) {
      try (PagedKvCache cache = PagedKvCache.open(shape, backend, Capacity.blocks(4500));
          Step step = cache.newStep()) {
        KvSequence sequence = cache.newSequence();
        if (contextLength > 0) {
          step.append(sequence, contextLength).begin();
          Rows earlierKeys = rows(keys, 0, contextLength);
          step.write(0, earlierKeys, rows(values, 0, contextLength), workers);
          step.commit();
        }
        KvSequence asked = afterFork ? sequence.fork() : sequence;
        step.append(asked, queryLength).begin();
        Rows newKeys = rows(keys, contextLength, queryLength);
        step.write(0, newKeys, rows(values, contextLength, queryLength), workers);
        float[] output = new float[queries.length];
        float[] lse = new float[queryLength * spec.numQueryHeads()];
        AttentionRows rows = new AttentionRows(Rows.of(queries), Rows.of(output), Rows.of(lse));
        if (leafCalls) {
          for (int token = queryLength - 1; token >= 0; token--) {
            for (int head = 0; head < shape.layer(0).numKvHeads(); head++) {
              step.attendToken(0, spec, rows, token, new HeadRange(head, head + 1));
            }
          }
        } else {
          step.attend(0, spec, rows, workers);
        }
        step.rollback();
        asked.close();
        sequence.close();
        float[] all = Arrays.copyOf(output, output.length + lse.length);
        System.arraycopy(lse, 0, all, output.length, lse.length);
        return all;
      }
    }
  }

  private static void assertSame(String way, Story story, float[] actual, float[] expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(Float.floatToRawIntBits(actual[i]))
          .as("%s, element %d, %s", way, i, story.name)
          .isEqualTo(Float.floatToRawIntBits(expected[i]));
    }
  }

  @Test
  void everyWayToAskForARowGivesTheSameBits() {
    try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
      Workers workers = new Workers(executor, 3);
      for (long seed = 1; seed <= CASES; seed++) {
        Story story = new Story(seed);
        float[] expected = story.run(Backend.SCALAR, Workers.caller(), false, false);
        for (Backend backend : new Backend[] {Backend.SCALAR, Backend.VECTOR}) {
          String name = backend.label();
          assertSame(name, story, story.run(backend, Workers.caller(), false, false), expected);
          assertSame(name + " leaf", story, story.run(backend, workers, true, false), expected);
          assertSame(name + " threads", story, story.run(backend, workers, false, false), expected);
          assertSame(name + " fork", story, story.run(backend, workers, false, true), expected);
        }
      }
    }
  }
}
