package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("any-backend")
class BeamSearchTest {
  private static final float IMPOSSIBLE = Float.NEGATIVE_INFINITY;

  private final ReadableCache memory = ReadableCache.open(16, 64);
  private final Step step = memory.cache().newStep();

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.close();
  }

  private void feed(BeamSearch search) {
    memory.commit(search.appendTo(step), search.lastTokens());
  }

  private static float[] logs(double... probabilities) {
    float[] logs = new float[probabilities.length];
    for (int i = 0; i < logs.length; i++) {
      logs[i] = (float) Math.log(probabilities[i]);
    }
    return logs;
  }

  /** Every beam goes on with a token of its own, none overtakes another. */
  private static LogProbRows inStep(int width) {
    return (beam, token) -> token == 0 ? -1 : -100 - beam - width * (float) token;
  }

  @ParameterizedTest
  @CsvSource({
    "2, MOVE, 7, 10, 1",
    "4, MOVE, 11, 20, 3",
    "6, MOVE, 15, 30, 5",
    "8, MOVE, 19, 40, 7",
    "4, KEEP, 11, 20, 4"
  })
  void beamsOf20TokensBehindAPromptOf50TakeThreeBlocksAndTwoForEach(
      int width, PromptHandle handle, int numBlocks, int numBlocksUnshared, int numCopies) {
    KvSequence prompt = memory.counting(50);
    BeamOptions options = BeamOptions.of(width, 21).withPromptHandle(handle);

    try (BeamSearch search = BeamSearch.of(prompt, options)) {
      search.advance((beam, token) -> -1 - token, 2 * width);
      for (int time = 0; time < 20; time++) {
        feed(search);
        if (time < 19) {
          search.advance(inStep(width), 2 * width);
          assertThat(search.lastParents()).containsExactly(ascendingFromZero(width));
        }
      }

      assertThat(search.beams()).hasSize(width).allMatch(beam -> beam.length() == 70);
      assertThat(ReadableCache.distinctBlocks(search.beams())).isEqualTo(numBlocks);
      assertThat(search.beams().stream().mapToInt(beam -> beam.blockIds().length).sum())
          .isEqualTo(numBlocksUnshared);
      assertThat(search.numBlockCopies()).isEqualTo(numCopies);
      assertThat(search.numForks()).isEqualTo(numCopies);
    }
    assertThat(memory.numUsed()).isEqualTo(handle == PromptHandle.MOVE ? 0 : 4);
    assertThat(prompt.isClosed()).isEqualTo(handle == PromptHandle.MOVE);
  }

  private static int[] ascendingFromZero(int count) {
    return IntStream.range(0, count).toArray();
  }

  @Test
  void theSecondBestBeginningCanWin() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 2));

    search.advance(logs(0.6, 0.4, 0), 3);
    assertThat(search.lastTokens()).containsExactly(0, 1);
    feed(search);
    search.advance(logs(0.4, 0.3, 0.3, 0.9, 0.1, 0), 3);

    assertThat(search.isDone()).isTrue();
    assertThat(search.hypotheses()).hasSize(2);
    assertThat(search.best().tokens()).containsExactly(1, 0);
    assertThat(search.best().logProb()).isCloseTo(Math.log(0.36), within(1e-6));
    assertThat(search.hypotheses().get(1).tokens()).containsExactly(0, 0);
    assertThat(search.hypotheses()).noneMatch(BeamHypothesis::finished);
    assertThat(memory.numUsed()).isZero();
  }

  @Test
  void ofEqualCandidatesTheLowerBeamAndThenTheLowerTokenComesFirst() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(3, 9));

    search.advance(logs(0.2, 0.2, 0.2, 0.2, 0.2), 5);
    assertThat(search.lastTokens()).containsExactly(0, 1, 2);
    feed(search);
    search.advance(logs(0, .2, .2, .2, .4, /* */ .4, 0, 0, .4, .2, /* */ .4, .4, .2, 0, 0), 5);

    assertThat(search.lastParents()).containsExactly(0, 1, 1);
    assertThat(search.lastTokens()).containsExactly(4, 0, 3);
  }

  @Test
  void anEndTokenMakesAHypothesisAndLeavesTheOtherBeamsAlive() {
    BeamOptions options = BeamOptions.of(2, 9).withEndTokens(2);
    BeamSearch search = BeamSearch.of(memory.counting(5), options);

    search.advance(logs(0.5, 0.2, 0.3), 3);

    assertThat(search.isDone()).isFalse();
    assertThat(search.lastTokens()).containsExactly(0, 1);
    BeamHypothesis ended =
        search.hypotheses().stream().filter(BeamHypothesis::finished).findFirst().orElseThrow();
    assertThat(ended.tokens()).containsExactly(2);
    assertThat(ended.score()).isCloseTo(Math.log(0.3), within(1e-6));
  }

  @Test
  void severalEndTokensLeaveEnoughCandidatesToLive() {
    BeamOptions options = BeamOptions.of(2, 9).withEndTokens(0, 1, 2).withLengthPenalty(5);
    BeamSearch search = BeamSearch.of(memory.counting(5), options);
    search.advance(logs(.1, .1, .1, .4, .3), 5);
    feed(search);

    search.advance(logs(.3, .3, .3, .05, .05, /* */ .3, .3, .3, .04, .06), 5);

    assertThat(search.beams()).hasSize(2);
    assertThat(search.lastTokens()).containsExactly(3, 4);
  }

  @Test
  void theLengthPenaltyDividesByAPowerOfTheLength() {
    BeamOptions options = BeamOptions.of(1, 3).withEndTokens(1).withLengthPenalty(2);
    BeamSearch search = BeamSearch.of(memory.counting(5), options);
    search.advance(new float[] {-1, -9}, 2);
    feed(search);
    search.advance(new float[] {-2, -9}, 2);
    feed(search);
    search.advance(new float[] {-9, -3}, 2);

    assertThat(search.isDone()).isTrue();
    assertThat(search.best().tokens()).containsExactly(0, 0, 1);
    assertThat(search.best().logProb()).isEqualTo(-6);
    assertThat(search.best().score()).isEqualTo(-6 / 9.0);
  }

  @Test
  void itEndsOnceNoLiveBeamCanBeatTheWorstHypothesis() {
    BeamOptions plain = BeamOptions.of(1, 100).withEndTokens(1);
    float[] row = {-2, -1};
    BeamSearch sums = BeamSearch.of(memory.counting(5), plain);
    sums.advance(row, 2);
    assertThat(sums.isDone()).isTrue(); // -2 and more can only fall
    assertThat(sums.hypotheses()).hasSize(1);

    BeamSearch means = BeamSearch.of(memory.counting(5), plain.withLengthPenalty(1));
    means.advance(row, 2);
    assertThat(means.isDone()).isFalse(); // -2 over 100 tokens would be -0.02
  }

  @Test
  void itEndsWhenNothingIsPossible() {
    BeamOptions options = BeamOptions.of(2, 100).withEndTokens(1).withLengthPenalty(1);
    BeamSearch search = BeamSearch.of(memory.counting(5), options);

    search.advance(new float[] {IMPOSSIBLE, -1, IMPOSSIBLE}, 3);

    assertThat(search.isDone()).isTrue();
    assertThat(search.hypotheses()).hasSize(1);
    assertThat(search.best().finished()).isTrue();
    assertThat(memory.numUsed()).isZero();
  }

  @Test
  void impossibleTokensAreNeverChosen() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(4, 9));

    search.advance(new float[] {-1, IMPOSSIBLE, -2, IMPOSSIBLE}, 4);

    assertThat(search.lastTokens()).containsExactly(0, 2);
    feed(search);
    float[] rows = new float[2 * 4];
    Arrays.fill(rows, -1);
    search.advance(rows, 4);
    assertThat(search.beams()).hasSize(4);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, 0.5f, Float.POSITIVE_INFINITY})
  void whatIsNoLogProbabilityIsNamedAndChangesNothing(float wrong) {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 9));
    search.advance(logs(0.5, 0.25, 0.25), 3);
    feed(search);
    long forksBefore = search.numForks();

    assertThatIllegalArgumentException()
        .isThrownBy(() -> search.advance(new float[] {-1, -1, -1, -1, wrong, -1}, 3))
        .withMessageContaining("beam=1, token=1, logProb=" + wrong);

    assertThat(search.numForks()).isEqualTo(forksBefore);
    memory.cache().checkConservation();
    search.advance(new float[] {-1, -1, -1, -1, -1, 1e-6f}, 3);
    assertThat(search.lastParents()).containsExactly(1, 0);
  }

  @Test
  void advancesAndCommittedAppendsTakeTurns() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 9));
    float[] row = logs(0.5, 0.5);
    assertThatIllegalStateException().isThrownBy(() -> search.appendTo(step));
    assertThatIllegalStateException().isThrownBy(search::lastTokens);
    search.advance(row, 2);
    assertThatIllegalStateException()
        .isThrownBy(() -> search.advance(logs(.5, .5, .5, .5), 2))
        .withMessageContaining("expectedLength=6");
    try (Step open = memory.cache().newStep()) {
      search.appendTo(open).begin();
      assertThatIllegalStateException().isThrownBy(() -> search.advance(logs(.5, .5, .5, .5), 2));
      assertThatIllegalStateException().isThrownBy(search::close);
    }
    memory.cache().checkConservation();
  }

  @Test
  void aStepThatIsRolledBackCanBeTriedAgain() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 9));
    search.advance(logs(0.5, 0.5), 2);
    search.appendTo(step).begin().rollback();

    feed(search);

    assertThatIllegalStateException().isThrownBy(() -> search.appendTo(step));
    assertThat(memory.tokensOf(search.beams().get(1))).containsExactly(1, 2, 3, 4, 5, 1);
  }

  @Test
  void outOfBlocksLeavesTheSearchReadyToTryAgain() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(4, 9));
    search.advance(logs(.25, .25, .25, .25), 4);
    KvSequence hog = memory.counting(62 * 16);
    assertThatThrownBy(() -> search.appendTo(step).begin())
        .isInstanceOf(OutOfBlocksException.class);
    memory.cache().checkConservation();

    hog.close();
    feed(search);

    assertThat(search.numBlockCopies()).isEqualTo(3);
  }

  @Test
  void aBeamThatCannotBeForkedLeavesTheSearchUnchanged() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 9));
    search.advance(logs(0.5, 0.5), 2);
    feed(search);
    float[] secondBeamWins = new float[] {-9, -9, -1, -1};
    try (Step open = memory.cache().newStep()) {
      open.append(search.beams().get(1), 1).begin();

      assertThatIllegalStateException().isThrownBy(() -> search.advance(secondBeamWins, 2));
    }
    assertThat(search.numForks()).isEqualTo(1);
    assertThat(search.hypotheses()).allMatch(hypothesis -> hypothesis.tokens().size() == 1);
    memory.cache().checkConservation();

    search.advance(secondBeamWins, 2);

    assertThat(search.lastParents()).containsExactly(1, 1);
  }

  @Test
  void closingInTheMiddleFreesAllAndKeepsWhatWasFound() {
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(3, 9).withEndTokens(0));
    search.advance(logs(0.2, 0.4, 0.4), 3);
    feed(search);

    search.close();
    search.close();

    assertThat(memory.numUsed()).isZero();
    assertThat(search.isDone()).isTrue();
    assertThat(search.hypotheses()).hasSize(3);
    assertThatIllegalStateException().isThrownBy(() -> search.advance(logs(1), 1));
    assertThatIllegalStateException().isThrownBy(() -> search.appendTo(step));
  }

  @Test
  void misuseIsNamed() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BeamOptions.of(0, 1))
        .withMessageContaining("width=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BeamOptions.of(1, 0))
        .withMessageContaining("maxNewTokens=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BeamOptions.of(1, 1).withLengthPenalty(Double.NaN))
        .withMessageContaining("lengthPenalty=NaN");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BeamOptions.of(1, 1).withEndTokens(-1))
        .withMessageContaining("endToken=-1");
    BeamSearch search = BeamSearch.of(memory.counting(5), BeamOptions.of(2, 9).withEndTokens(7));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> search.advance(new float[7], 7))
        .withMessageContaining("vocabSize=7, endToken=7");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> search.advance(new float[7], 8))
        .withMessageContaining("numBeams=1, vocabSize=8, length=7");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> search.advance(new float[7], 0))
        .withMessageContaining("vocabSize=0");
    assertThatIllegalStateException().isThrownBy(search::best);
  }
}
