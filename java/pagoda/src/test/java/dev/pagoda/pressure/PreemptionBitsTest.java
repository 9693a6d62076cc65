package dev.pagoda.pressure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.TransferModel;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention after a group has made room and come back, against attention before. */
class PreemptionBitsTest {
  private static final int KV_HEADS = 2;
  private static final int QUERY_HEADS = 4;
  private static final int HEAD_DIM = 16;
  private static final int NUM_LAYERS = 2;
  private static final AttentionSpec SPEC = AttentionSpec.causal(QUERY_HEADS, 0.25f);

  /** Keys and values of a token of a sequence: all that recomputing has to go by. */
  private static float[] rows(int stream, int from, int to, int layer, boolean keys) {
    int width = KV_HEADS * HEAD_DIM;
    float[] rows = new float[(to - from) * width];
    for (int position = from; position < to; position++) {
      // Members differ behind the prompt only.
      long seed = (position < 40 ? 0 : stream) * 1_000_003L + position * 17L + layer * 2L;
      SplittableRandom random = new SplittableRandom(seed + (keys ? 1 : 0));
      for (int i = 0; i < width; i++) {
        rows[(position - from) * width + i] = (float) random.nextDouble(-1, 1);
      }
    }
    return rows;
  }

  private static void append(Step step, List<KvSequence> sequences, int stream, int numTokens) {
    int from = sequences.get(stream).length();
    step.append(sequences.get(stream), numTokens).begin();
    for (int layer = 0; layer < NUM_LAYERS; layer++) {
      step.write(
          layer,
          Rows.of(rows(stream, from, from + numTokens, layer, true)),
          Rows.of(rows(stream, from, from + numTokens, layer, false)));
    }
    step.commit();
  }

  /** What the next token of each member would see; nothing is kept. */
  private static float[] attend(PagedKvCache cache, List<KvSequence> sequences) {
    float[] all = new float[sequences.size() * NUM_LAYERS * QUERY_HEADS * HEAD_DIM];
    try (Step step = cache.newStep()) {
      for (int stream = 0; stream < sequences.size(); stream++) {
        int from = sequences.get(stream).length();
        step.append(sequences.get(stream), 1).begin();
        for (int layer = 0; layer < NUM_LAYERS; layer++) {
          step.write(
              layer,
              Rows.of(rows(stream, from, from + 1, layer, true)),
              Rows.of(rows(stream, from, from + 1, layer, false)));
          float[] output = new float[QUERY_HEADS * HEAD_DIM];
          float[] queries = new float[output.length];
          SplittableRandom random = new SplittableRandom(stream * 31L + layer);
          for (int i = 0; i < queries.length; i++) {
            queries[i] = (float) random.nextDouble(-1, 1);
          }
          step.attend(
              layer, SPEC, AttentionRows.of(Rows.of(queries), Rows.of(output)), Workers.caller());
          System.arraycopy(
              output, 0, all, (stream * NUM_LAYERS + layer) * output.length, output.length);
        }
        step.rollback();
      }
    }
    return all;
  }

  @ParameterizedTest(name = "{0}, swap {1}, {2}")
  @CsvSource({
    "SCALAR, true, WHOLE",
    "SCALAR, true, TAIL",
    "SCALAR, false, WHOLE",
    "SCALAR, false, TAIL",
    "VECTOR, true, WHOLE",
    "VECTOR, true, TAIL",
    "VECTOR, false, WHOLE",
    "VECTOR, false, TAIL"
  })
  void attentionIsTheSameToTheBit(Backend backend, boolean swaps, LatestFirst.Extent extent) {
    assumeTrue(
        backend.unavailabilityReason().isEmpty(), () -> backend.unavailabilityReason().orElse(""));
    KvShape shape = KvShape.uniform(NUM_LAYERS, KV_HEADS, HEAD_DIM, DType.BF16).withBlockSize(8);
    PagedKvCache cache = PagedKvCache.open(shape, backend, Capacity.blocks(24), Checks.DEBUG);
    SwapSpace space = SwapSpace.open(cache, Capacity.blocks(24), Checks.DEBUG);
    try (Step step = cache.newStep()) {
      KvSequence prompt = cache.newSequence();
      append(step, List.of(prompt), 0, 45);
      ForkGroup beams = ForkGroup.of(prompt, 3, PromptHandle.MOVE);
      List<KvSequence> members = beams.sequences();
      for (int stream = 1; stream < 3; stream++) {
        members.get(stream).truncate(40);
        append(step, members, stream, 9 * stream);
      }
      float[] before = attend(cache, members);
      TransferModel transfer = new TransferModel(swaps ? 1e15 : 1e-3, 0);
      PreemptionModel model = new PreemptionModel(transfer, transfer, new PrefillModel(1000, 0, 0));
      Preemptor preemptor = new Preemptor(cache, new LatestFirst(model, extent), space);
      PreemptibleGroup group = preemptor.enter(beams::sequences);
      int missing = cache.statistics().blocks().numAvailable() + 2;

      assertThat(preemptor.makeRoom(missing, List.of()))
          .singleElement()
          .satisfies(
              done -> assertThat(done.isTail()).isEqualTo(extent == LatestFirst.Extent.TAIL));
      KvSequence other = cache.newSequence(); // others use the blocks meanwhile
      append(step, List.of(other), 0, 8 * missing);
      other.close();
      assertThat(
              preemptor.restoreNext(
                  (sequence, from, to) ->
                      append(step, members, members.indexOf(sequence), to - from),
                  0))
          .contains(group);

      assertThat(attend(cache, members)).isEqualTo(before);
    } finally {
      space.close();
      cache.closeAll();
    }
  }
}
