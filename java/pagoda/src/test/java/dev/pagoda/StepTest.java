package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import dev.pagoda.SmallCache.Snapshot;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.memory.Rows;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepTest {
  private static final int BLOCK_SIZE = 4;
  private static final AttentionSpec SPEC = AttentionSpec.causal(2, 1f);

  private final SmallCache small = new SmallCache(12, BLOCK_SIZE);
  private final Step step = small.cache.newStep();

  @AfterEach
  void nothingLeaks() {
    step.close();
    small.requireNothingLeaks();
    small.close();
  }

  private static Rows plenty() {
    return Rows.of(new float[4096]);
  }

  /** Throws, and changes neither blocks nor tables nor content. */
  private Throwable refused(Runnable misuse) {
    Snapshot before = small.snapshot();
    Throwable thrown = catchThrowable(misuse::run);
    assertThat(thrown).as("misuse is an exception").isNotNull();
    assertThat(small.snapshot()).isEqualTo(before);
    return thrown;
  }

  // The order of calls.

  @Test
  void beforeItHasBegunNothingButAppendAndBeginIsAllowed() {
    KvSequence sequence = small.open(3);
    for (boolean planned : new boolean[] {false, true}) {
      if (planned) {
        step.append(sequence, 1);
      }
      List<Runnable> misuses =
          List.of(
              step::numTokens,
              () -> step.position(0),
              () -> step.write(0, plenty(), plenty()),
              () -> step.writeToken(0, 0, plenty(), plenty()),
              () -> step.attend(0, SPEC, plenty(), plenty()),
              () -> step.attend(0, SPEC, AttentionRows.of(plenty(), plenty()), Workers.caller()),
              () ->
                  step.attendToken(
                      0, SPEC, AttentionRows.of(plenty(), plenty()), 0, new HeadRange(0, 1)),
              step::commit,
              step::rollback);
      for (Runnable misuse : misuses) {
        assertThat(refused(misuse))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageEndingWith("begun=false");
      }
    }
    step.begin(); // the plan outlived the misuses
    assertThat(step.numTokens()).isEqualTo(1);
  }

  @Test
  void onceBegunItCannotBeginOrPlanAgain() {
    KvSequence sequence = small.open(3);
    KvSequence other = small.open(1);
    Begun begun = small.begin(step, Growth.of(sequence, 2));

    assertThat(refused(step::begin)).hasMessageEndingWith("begun=true");
    assertThat(refused(() -> step.append(other, 1))).isInstanceOf(IllegalStateException.class);
    assertThat(step.numTokens()).isEqualTo(2);
    begun.write().commit();
    small.requireContent();
  }

  @Test
  void aLayerIsAttendedAfterItWasWrittenAndNotBefore() {
    KvSequence sequence = small.open(3);
    Begun begun = small.begin(step, Growth.of(sequence, 3));
    Runnable attend = () -> step.attend(1, SPEC, plenty(), plenty());

    begun.write(0);
    assertThat(refused(attend))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("layer=1, rowsWritten=0, numTokens=3");
    step.writeToken(1, 0, begun.keys(1), begun.values(1));
    step.writeToken(1, 2, begun.keys(1), begun.values(1));
    assertThat(refused(attend)).hasMessageEndingWith("layer=1, rowsWritten=2, numTokens=3");
    step.writeToken(1, 1, begun.keys(1), begun.values(1));
    assertThatCode(attend::run).doesNotThrowAnyException();
    begun.commit();
    small.requireContent();
  }

  @Test
  void aForgottenLayerIsNotCommittedAndTheStepStaysOpen() {
    KvSequence sequence = small.open(3);
    Begun begun = small.begin(step, Growth.of(sequence, 2));
    begun.write(1);

    assertThat(refused(step::commit))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("layer=0");
    begun.write(0);
    begun.commit();
    assertThat(sequence.length()).isEqualTo(5);
    small.requireContent();
  }

  @Test
  void whatWasWrittenInTheLastRoundDoesNotCountInTheNext() {
    KvSequence sequence = small.open();
    small.begin(step, Growth.of(sequence, 2)).write().commit();
    small.begin(step, Growth.of(sequence, 2));

    assertThat(refused(step::commit)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void afterCommitAndAfterRollbackItIsEmptyAndUsableAgain() {
    KvSequence sequence = small.open();
    for (int i = 0; i < 3; i++) {
      small.begin(step, Growth.of(sequence, 1)).write().commit();
      assertThat(refused(step::commit)).isInstanceOf(IllegalStateException.class);
      small.begin(step, Growth.of(sequence, 5)).write().step.rollback();
      assertThat(refused(step::rollback)).isInstanceOf(IllegalStateException.class);
    }
    assertThat(sequence.length()).isEqualTo(3);
    small.requireContent();
    assertThat(small.cache.statistics().numStepsCommitted()).isEqualTo(3);
    assertThat(small.cache.statistics().numStepsRolledBack()).isEqualTo(3);
  }

  @Test
  void closingRollsBackDropsThePlanAndCanBeRepeated() {
    KvSequence sequence = small.open(3);
    Snapshot before = small.snapshot();
    small.begin(step, Growth.of(sequence, 9)).write();
    step.close();
    assertThat(small.snapshot()).isEqualTo(before);
    step.append(sequence, 2);
    step.close();
    step.close();
    step.begin(); // an empty step now
    assertThat(step.numTokens()).isZero();
    step.commit();
    assertThat(small.snapshot()).isEqualTo(before);
  }

  @Test
  void aStepOfNoTokensDoesNothingAndMayAttend() {
    step.begin();
    step.write(0, Rows.of(new float[0]), Rows.of(new float[0]));
    step.attend(0, SPEC, Rows.of(new float[0]), Rows.of(new float[0]));
    step.commit();
    assertThat(small.cache.statistics().numStepsCommitted()).isEqualTo(1);
  }

  // Who may be in it.

  @Test
  void aSequenceIsInOneStepAtATime() {
    KvSequence sequence = small.open(3);
    KvSequence other = small.open(2);
    Begun first = small.begin(Growth.of(sequence, 1));
    step.append(other, 1).append(sequence, 1);

    assertThat(refused(step::begin))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("id=" + sequence.id());
    first.write().commit();
    assertThatCode(() -> small.grow(other, 1)).as("it was let go").doesNotThrowAnyException();
    small.requireContent();
  }

  @Test
  void aSequenceIsInAStepOnce() {
    KvSequence sequence = small.open(3);
    step.append(sequence, 1).append(sequence, 1);

    assertThat(refused(step::begin)).isInstanceOf(IllegalStateException.class);
    assertThatCode(() -> small.grow(sequence, 1)).doesNotThrowAnyException();
  }

  @Test
  void aRefusedBeginLeavesAnEmptyPlan() {
    KvSequence sequence = small.open(3);
    KvSequence closed = small.open();
    small.close(closed);
    step.append(sequence, 7).append(closed, 1);
    assertThat(refused(step::begin)).isInstanceOf(IllegalStateException.class);

    step.begin();
    assertThat(step.numTokens()).isZero();
  }

  @Test
  void anotherCachesSequenceIsRefused() {
    try (SmallCache other = new SmallCache(2, BLOCK_SIZE)) {
      KvSequence foreign = other.open(1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> step.append(foreign, 1))
          .withMessageContaining("another cache");
      other.requireNothingLeaks();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void aNumberOfTokensOutOfItsRangeIsRefused(int numTokens) {
    KvSequence sequence = small.open(3);
    assertThat(refused(() -> step.append(sequence, numTokens)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("length=3, numTokens=" + numTokens);
  }

  @Test
  void aSequenceThatGrewBetweenPlanAndBeginIsTakenAsItIsThen() {
    KvSequence sequence = small.open(3);
    step.append(sequence, 2);
    small.grow(sequence, 6);
    step.begin();

    assertThat(step.position(0)).isEqualTo(9);
    assertThat(step.position(1)).isEqualTo(10);
  }

  @Test
  void aPlanThatAnIntCannotCountAnyMoreIsRefusedAtBegin() {
    KvSequence sequence = small.open(3);
    step.append(sequence, Integer.MAX_VALUE - 3);
    small.grow(sequence, 6);

    assertThat(refused(step::begin)).isInstanceOf(RuntimeException.class);
    small.grow(sequence, 1);
    small.requireContent();
  }

  // Rows.

  @Test
  void rowsAreSequenceAfterSequenceAndPositionsGoOnWhereTheSequenceEnded() {
    KvSequence one = small.open(3);
    KvSequence two = small.open();
    KvSequence three = small.open(8);
    small.begin(step, Growth.of(three, 1), Growth.of(two, 3), Growth.of(one, 2));

    List<Integer> positions = new ArrayList<>();
    for (int i = 0; i < step.numTokens(); i++) {
      positions.add(step.position(i));
    }
    assertThat(positions).containsExactly(8, 0, 1, 2, 3, 4);
    for (int row : new int[] {-1, 6, Integer.MAX_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> step.position(row))
          .withMessageEndingWith("numTokens=6, tokenIndex=" + row);
    }
  }

  @Test
  void rowsThatDoNotFitAreRefusedBeforeAnythingIsWritten() {
    KvSequence sequence = small.open(3);
    Begun begun = small.begin(step, Growth.of(sequence, 2)).write();
    Rows enough = plenty();
    // Layer 0: 2 KV heads, key dim 3, value dim 2; two rows of 6 and 4 numbers.
    Rows short11 = Rows.of(new float[11]);
    Rows short7 = Rows.of(new float[7]);
    List<Runnable> misuses =
        List.of(
            () -> step.write(0, short11, enough),
            () -> step.write(0, enough, short7),
            () -> step.write(0, Rows.none(), enough),
            () -> step.writeToken(0, 1, short11, enough),
            () -> step.write(2, enough, enough),
            () -> step.write(-1, enough, enough),
            () -> step.writeToken(0, 2, enough, enough),
            () -> step.writeToken(0, -1, enough, enough),
            () -> step.attend(2, SPEC, enough, enough),
            () -> step.attend(0, SPEC, short11, enough),
            () -> step.attend(0, SPEC, enough, short7),
            () -> step.attend(0, SPEC, enough, Rows.none()),
            () -> step.attend(0, AttentionSpec.causal(3, 1f), enough, enough),
            () ->
                step.attend(
                    0,
                    SPEC,
                    new AttentionRows(enough, enough, Rows.of(new float[3])),
                    Workers.caller()),
            () -> attendToken(2, new HeadRange(0, 1)),
            () -> attendToken(-1, new HeadRange(0, 1)),
            () -> attendToken(0, new HeadRange(1, 3)));
    for (Runnable misuse : misuses) {
      assertThat(refused(misuse)).isInstanceOf(IllegalArgumentException.class);
    }
    begun.commit();
    small.requireContent();
  }

  private void attendToken(int tokenIndex, HeadRange heads) {
    step.attendToken(0, SPEC, AttentionRows.of(plenty(), plenty()), tokenIndex, heads);
  }

  @Test
  void theRowAndTheWholeStepCallWriteAndComputeTheSame() {
    KvSequence sequence = small.open(6);
    KvSequence twin = small.fork(sequence);
    Begun begun = small.begin(step, Growth.of(sequence, 3), Growth.of(twin, 1));
    for (int layer = 0; layer < SmallCache.NUM_LAYERS; layer++) {
      for (int row = 3; row >= 0; row--) {
        step.writeToken(layer, row, begun.keys(layer), begun.values(layer));
      }
    }
    float[] queries = new float[4 * 2 * 3];
    for (int i = 0; i < queries.length; i++) {
      queries[i] = (float) Math.sin(i) / (1 << 20);
    }
    float[] whole = new float[4 * 2 * 2];
    float[] wholeLse = new float[4 * 2];
    AttentionRows wholeRows =
        new AttentionRows(Rows.of(queries), Rows.of(whole), Rows.of(wholeLse));
    step.attend(0, SPEC, wholeRows, new Workers(Runnable::run, 3));
    float[] leaf = new float[4 * 2 * 2];
    float[] leafLse = new float[4 * 2];
    AttentionRows leafRows = new AttentionRows(Rows.of(queries), Rows.of(leaf), Rows.of(leafLse));
    for (int row = 0; row < 4; row++) {
      for (int head = 1; head >= 0; head--) {
        step.attendToken(0, SPEC, leafRows, row, new HeadRange(head, head + 1));
      }
    }
    assertThat(leaf).isEqualTo(whole).doesNotContain(Float.NaN);
    assertThat(leafLse).isEqualTo(wholeLse);
    begun.commit();
    small.requireContent();
  }

  // All or nothing.

  @Test
  void whenBlocksRunOutNobodyGetsAnyAndTheNumbersAreSaid() {
    KvSequence one = small.open(4);
    KvSequence two = small.open(6);
    KvSequence shared = small.fork(two);
    // One block each for one and two, eight and a copy for the sharer: 11, and 9 are free.
    step.append(one, 4).append(two, 5).append(shared, 32);

    OutOfBlocksException out = (OutOfBlocksException) refused(step::begin);
    assertThat(out.needed()).isEqualTo(11);
    assertThat(out.free()).isEqualTo(9);
    assertThat(out.total()).isEqualTo(12);
    assertThat(small.cache.statistics().blocks().numRefusals()).isEqualTo(1);
    assertThat(small.cache.statistics().numBlockCopies()).isZero();
    small.grow(Growth.of(one, 4), Growth.of(two, 5), Growth.of(shared, 24));
    assertThat(small.numFree()).isZero();
    small.requireContent();
  }

  @Test
  void whereACopyAloneDoesNotFitTheStepIsRefused() {
    KvSequence sequence = small.open(46); // 12 blocks, room for two more tokens
    KvSequence fork = small.fork(sequence);
    step.append(fork, 1);

    OutOfBlocksException out = (OutOfBlocksException) refused(step::begin);
    assertThat(out.needed()).isEqualTo(1);
    assertThat(out.free()).isZero();
    small.close(fork);
    small.grow(sequence, 2); // in place
    small.requireContent();
  }

  @ParameterizedTest
  @ValueSource(ints = {49, 1 << 20, Integer.MAX_VALUE})
  void absurdRequestsAreOutOfBlocksToo(int numTokens) {
    KvSequence sequence = small.open();
    step.append(sequence, numTokens);

    OutOfBlocksException out = (OutOfBlocksException) refused(step::begin);
    assertThat(out.needed()).isEqualTo((int) Math.ceilDiv((long) numTokens, BLOCK_SIZE));
    assertThat(out.total()).isEqualTo(12);
  }

  @Test
  void manyAbsurdRequestsDoNotOverflow() {
    for (int i = 0; i < 5; i++) {
      step.append(small.open(), Integer.MAX_VALUE);
    }
    OutOfBlocksException out = (OutOfBlocksException) refused(step::begin);
    assertThat(out.needed()).isEqualTo(Integer.MAX_VALUE);
  }

  // Rolling back.

  @Test
  void rollbackGivesBackWhatBeginTookInTheOrderItWasTaken() {
    KvSequence one = small.open(5);
    KvSequence two = small.fork(one);
    KvSequence three = small.fork(one, 4);
    Snapshot before = small.snapshot();
    List<int[]> tables = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      small.begin(step, Growth.of(one, 4), Growth.of(two, 9), Growth.of(three, 1)).write();
      tables.add(one.blockIds());
      tables.add(two.blockIds());
      tables.add(three.blockIds());
      step.rollback();
      assertThat(small.snapshot()).isEqualTo(before);
    }
    for (int i = 3; i < tables.size(); i++) {
      assertThat(tables.get(i)).as("the same blocks again").isEqualTo(tables.get(i - 3));
    }
  }

  /** The copy stands in for an original that must still be there, whatever the others do. */
  @Test
  void rollbackFindsTheOriginalThoughTheOtherSharersWentAwayMeanwhile() {
    KvSequence one = small.open(6);
    KvSequence two = small.fork(one);
    int[] original = one.blockIds();
    Begun begun = small.begin(step, Growth.of(one, 1)).write();
    assertThat(one.blockIds()[1]).as("a copy").isNotEqualTo(original[1]);
    small.close(two);
    KvSequence greedy = small.open(4 * small.numFree()); // whatever can be had
    begun.step.rollback();

    assertThat(one.blockIds()).isEqualTo(original);
    small.requireContent();
    small.close(greedy);
  }

  @Test
  void commitLetsTheOriginalGoOnceItIsNeededNoMore() {
    KvSequence one = small.open(6);
    KvSequence two = small.fork(one);
    Begun begun = small.begin(step, Growth.of(one, 1)).write();
    small.close(two);
    int free = small.numFree();
    begun.commit();

    assertThat(small.numFree()).isEqualTo(free + 1);
    small.requireContent();
  }

  @Test
  void sharersInTwoStepsAtOnceDisturbEachOtherInNoEnding() {
    for (int ending = 0; ending < 8; ending++) {
      KvSequence one = small.open(6);
      KvSequence two = small.fork(one);
      Begun first = small.begin(Growth.of(one, 2)).write();
      Begun second = small.begin(Growth.of(two, 3)).write();
      List<Begun> order = (ending & 1) == 0 ? List.of(first, second) : List.of(second, first);
      for (int i = 0; i < 2; i++) {
        if ((ending & 2 << i) == 0) {
          order.get(i).commit();
        } else {
          order.get(i).step.rollback();
        }
      }
      small.requireContent();
      small.grow(Growth.of(one, 1), Growth.of(two, 1));
      small.requireContent();
      small.close(one);
      small.close(two);
      assertThat(small.numFree()).isEqualTo(12);
    }
  }

  @Test
  void stepsOfOneCacheRunSideBySideOnDifferentSequences() {
    KvSequence one = small.open(3);
    KvSequence two = small.open(3);
    Begun first = small.begin(Growth.of(one, 2));
    Begun second = small.begin(Growth.of(two, 2));
    second.write(0);
    first.write(0);
    first.write(1);
    first.commit();
    second.write(1);
    second.step.rollback();
    small.requireContent();
  }

  @Test
  void aStepOfAClosedCacheDoesNotBegin() {
    SmallCache other = new SmallCache(2, BLOCK_SIZE);
    Step late = other.cache.newStep();
    KvSequence sequence = other.open();
    late.append(sequence, 1);
    sequence.close();
    other.cache.close();

    assertThatIllegalStateException().isThrownBy(late::begin).withMessageContaining("closed");
    assertThatExceptionOfType(IllegalStateException.class).isThrownBy(late::begin);
    late.close();
  }
}
