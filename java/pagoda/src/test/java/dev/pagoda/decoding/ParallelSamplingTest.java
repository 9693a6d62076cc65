package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("any-backend")
class ParallelSamplingTest {
  private final ReadableCache memory = ReadableCache.open(16, 64);
  private final Step step = memory.cache().newStep();

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.close();
  }

  /** The token of a sample at a time: different for all of them. */
  private static int token(int sample, int time) {
    return 1000 * (sample + 1) + time;
  }

  private void sampleOnce(ParallelSampling sampling, int time) {
    int[] tokens =
        Arrays.stream(sampling.liveSamples()).map(sample -> token(sample, time)).toArray();
    memory.commit(sampling.appendTo(step, tokens), tokens);
  }

  private static int[] tokens(int sample, int count) {
    int[] tokens = new int[count];
    for (int time = 0; time < count; time++) {
      tokens[time] = token(sample, time);
    }
    return tokens;
  }

  private static int[] concat(int[] first, int[] second) {
    int[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @ParameterizedTest
  @CsvSource({"MOVE, 5, 5", "KEEP, 6, 6"})
  void sixSamplesOf30TokensBehindAPromptOf60Take21BlocksInsteadOf36(
      PromptHandle handle, int numForks, int numCopies) {
    KvSequence prompt = memory.counting(60);

    try (ParallelSampling sampling = ParallelSampling.of(prompt, 6, handle)) {
      for (int time = 0; time < 30; time++) {
        sampleOnce(sampling, time);
      }

      // 3 full prompt blocks for all, 3 of its own for each: 60 + 30 tokens need 6.
      assertThat(ReadableCache.distinctBlocks(sampling.sequences())).isEqualTo(21);
      assertThat(sampling.sequences()).allMatch(sequence -> sequence.blockIds().length == 6);
      assertThat(memory.numUsed()).isEqualTo(handle == PromptHandle.MOVE ? 21 : 22);
      assertThat(sampling.numForks()).isEqualTo(numForks);
      assertThat(sampling.numBlockCopies()).isEqualTo(numCopies);
      for (int sample = 0; sample < 6; sample++) {
        assertThat(sampling.tokens(sample)).containsExactly(tokens(sample, 30));
        assertThat(memory.tokensOf(sampling.sequences().get(sample)))
            .containsExactly(concat(ReadableCache.ascending(60), tokens(sample, 30)));
      }
    }
    assertThat(prompt.isClosed()).isEqualTo(handle == PromptHandle.MOVE);
    assertThat(memory.numUsed()).isEqualTo(handle == PromptHandle.MOVE ? 0 : 4);
  }

  @Test
  void finishedSamplesFreeTheirBlocksAtOnceAndKeepTheirTokens() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(16), 3, PromptHandle.MOVE);
    sampleOnce(sampling, 0);
    assertThat(memory.numUsed()).isEqualTo(1 + 3);

    sampling.finish(1);

    assertThat(memory.numUsed()).isEqualTo(1 + 2);
    assertThat(sampling.liveSamples()).containsExactly(0, 2);
    assertThat(sampling.isFinished(1)).isTrue();
    sampleOnce(sampling, 1);
    assertThat(sampling.tokens(0)).containsExactly(tokens(0, 2));
    assertThat(sampling.tokens(1)).containsExactly(tokens(1, 1));
    assertThat(sampling.tokens(2)).containsExactly(tokens(2, 2));
    sampling.finish(2);
    sampling.finish(0);
    assertThat(memory.numUsed()).isZero();
    assertThat(sampling.tokens(2)).containsExactly(tokens(2, 2));
    sampling.close();
  }

  @Test
  void copiesOfFinishedSamplesStayCounted() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(10), 4, PromptHandle.MOVE);
    sampleOnce(sampling, 0);
    sampling.finish(0);
    sampling.finish(1);
    sampling.finish(3);

    assertThat(sampling.numBlockCopies()).isEqualTo(3);
    sampling.close();
    assertThat(sampling.numBlockCopies()).isEqualTo(3);
    assertThat(sampling.numForks()).isEqualTo(3);
  }

  @Test
  void tokensBelongToTheHistoryOnceTheyAreCommitted() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(10), 2, PromptHandle.MOVE);
    sampleOnce(sampling, 0);
    try (Step open = memory.cache().newStep()) {
      sampling.appendTo(open, 7, 8).begin();
      assertThat(sampling.tokens(0)).containsExactly(tokens(0, 1));
    }
    assertThat(sampling.tokens(0)).containsExactly(tokens(0, 1));

    sampling.finish(0);
    sampleOnce(sampling, 1);

    assertThat(sampling.tokens(0)).containsExactly(tokens(0, 1));
    assertThat(sampling.tokens(1)).containsExactly(tokens(1, 2));
    assertThat(memory.tokensOf(sampling.sequences().get(0)))
        .containsExactly(concat(ReadableCache.ascending(10), tokens(1, 2)));
  }

  @Test
  void aSampleThatIsRewoundForgetsItsLastTokens() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(10), 2, PromptHandle.MOVE);
    for (int time = 0; time < 5; time++) {
      sampleOnce(sampling, time);
    }
    sampling.sequences().get(0).truncate(12);

    assertThat(sampling.tokens(0)).containsExactly(tokens(0, 2));
    int[] next = {5, 6};
    memory.commit(sampling.appendTo(step, next), next);
    assertThat(sampling.tokens(0)).containsExactly(token(0, 0), token(0, 1), 5);
    assertThat(sampling.tokens(1)).endsWith(6).hasSize(6);
  }

  @Test
  void outOfBlocksLeavesTheSamplesReadyToTryAgain() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(10), 3, PromptHandle.MOVE);
    KvSequence hog = memory.counting(62 * 16);
    assertThatThrownBy(() -> sampling.appendTo(step, 7, 8, 9).begin())
        .isInstanceOf(OutOfBlocksException.class);
    assertThat(sampling.tokens(0)).isEmpty();
    memory.cache().checkConservation();

    hog.close();
    sampleOnce(sampling, 0);

    assertThat(sampling.tokens(2)).containsExactly(tokens(2, 1));
  }

  @Test
  void historiesGrowAsFarAsTheCacheDoes() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(1), 1, PromptHandle.MOVE);
    for (int time = 0; time < 300; time++) {
      sampleOnce(sampling, time);
    }
    assertThat(sampling.tokens(0)).containsExactly(tokens(0, 300));
  }

  @Test
  void misuseIsNamed() {
    KvSequence prompt = memory.counting(10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ParallelSampling.of(prompt, 0, PromptHandle.KEEP))
        .withMessageContaining("size=0");
    ParallelSampling sampling = ParallelSampling.of(prompt, 3, PromptHandle.KEEP);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampling.appendTo(step, 1, 2))
        .withMessageContaining("numLive=3, numTokens=2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampling.tokens(3))
        .withMessageContaining("numSamples=3, sample=3");
    assertThatIllegalArgumentException().isThrownBy(() -> sampling.finish(-1));
    sampling.finish(0);
    assertThatIllegalStateException()
        .isThrownBy(() -> sampling.finish(0))
        .withMessageContaining("sample=0");
    memory.append(sampling.sequences().get(0), 99);
    assertThatIllegalStateException()
        .isThrownBy(() -> sampling.tokens(1))
        .withMessageContaining("not appended here");
    assertThatIllegalStateException().isThrownBy(() -> sampling.appendTo(step, 1, 2));
    sampling.close();
  }

  @Test
  void closingWaitsForTheStepAndCanBeRepeated() {
    ParallelSampling sampling = ParallelSampling.of(memory.counting(10), 3, PromptHandle.MOVE);
    sampleOnce(sampling, 0);
    try (Step open = memory.cache().newStep()) {
      open.append(sampling.sequences().get(1), 1).begin();
      assertThatIllegalStateException().isThrownBy(sampling::close);
      assertThat(sampling.liveSamples()).containsExactly(1, 2);
      assertThat(sampling.tokens(0)).containsExactly(tokens(0, 1));
    }
    sampling.close();
    sampling.close();
    assertThat(memory.numUsed()).isZero();
    assertThat(sampling.liveSamples()).isEmpty();
    assertThat(sampling.tokens(2)).containsExactly(tokens(2, 1));
  }
}
