package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.AllocationMeter;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.AttentionChecks;
import java.time.Duration;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** The checks of attention find what they are made for: two planted bugs, at least, for each. */
class PlantedBugTest {
  private static final Kernels SCALAR = new ScalarKernels();

  /** Contexts that end within a block, so that there are slots behind them. */
  static AttentionCase shape() {
    return new AttentionCase(1).heads(2, 2).headDim(8).sequence(4, 20).sequence(1, 7);
  }

  private static void assertFinds(
      BiConsumer<Kernels, AttentionCase> check, Kernels bug, AttentionCase shape) {
    check.accept(SCALAR, shape);
    assertThatThrownBy(() -> check.accept(bug, shape))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("seed=1");
  }

  private static void equalsScalar(Kernels kernels, AttentionCase shape) {
    AttentionChecks.agreesToTheBit(kernels, SCALAR, shape);
  }

  @Test
  void theReferenceFindsAMissingAndAnExtraPosition() {
    assertFinds(
        AttentionChecks::agreesWithFloat64, new ReadsFurther(1), shape().mask(AttentionMask.FULL));
    assertFinds(
        AttentionChecks::agreesWithFloat64, new ReadsFurther(-1), shape().mask(AttentionMask.FULL));
  }

  @Test
  void theReferenceFindsAWrongScaleAndAWrongHead() {
    assertFinds(AttentionChecks::agreesWithFloat64, new ScalesDifferently(1.0001f), shape());
    assertFinds(AttentionChecks::agreesWithFloat64, new MixesUpHeads(), shape());
  }

  @Test
  void agreementFindsOneBitInOneElement() {
    assertFinds(
        PlantedBugTest::equalsScalar, new NudgesOutput((token, numTokens) -> token == 0), shape());
    assertFinds(PlantedBugTest::equalsScalar, new NudgesLse(), shape());
  }

  @Test
  void poisonFindsHiddenValuesThatAreMultiplied() {
    assertFinds(AttentionChecks::ignoresUnownedSlots, new MultipliesWhatIsHidden(), shape());
  }

  @Test
  void poisonFindsATokenTooMany() {
    assertFinds(AttentionChecks::ignoresUnownedSlots, new ReadsFurther(1), shape());
  }

  @Test
  void placementFindsUseOfBlockIds() {
    assertFinds(
        AttentionChecks::ignoresPlacement,
        new NudgesByBlock((blockId, numBlocks) -> blockId % 2 == 0),
        new AttentionCase(1).heads(1, 1).sequence(1, 5));
    assertFinds(
        AttentionChecks::ignoresPlacement,
        new NudgesByBlock((blockId, numBlocks) -> blockId < numBlocks / 2),
        new AttentionCase(1).heads(1, 1).sequence(1, 5));
  }

  @Test
  void batchesFindWhatDependsOnTheBatch() {
    assertFinds(
        AttentionChecks::ignoresTheBatch,
        new NudgesOutput((token, numTokens) -> numTokens == 5),
        shape());
    assertFinds(
        AttentionChecks::ignoresTheBatch,
        new NudgesOutput((token, numTokens) -> token == 4),
        shape());
  }

  @Test
  void chunksFindWhatDependsOnTheirLength() {
    assertFinds(
        AttentionChecks::ignoresChunks,
        new NudgesOutput((token, numTokens) -> token == 3),
        shape());
    assertFinds(
        AttentionChecks::ignoresChunks,
        new NudgesOutput((token, numTokens) -> numTokens == 1),
        new AttentionCase(1).sequence(4, 20));
  }

  @Test
  void headRangesFindWhatDependsOnThem() {
    assertFinds(AttentionChecks::ignoresHeadRanges, new NudgesFirstHead(2), shape());
    assertFinds(AttentionChecks::ignoresHeadRanges, new NudgesFirstHead(1), shape());
  }

  @Test
  void threadsFindWhatDependsOnHowWorkIsSplit() {
    BiConsumer<Kernels, AttentionCase> onThreads =
        (kernels, shape) -> AttentionChecks.ignoresThreads(kernels, shape, Runnable::run);
    assertFinds(onThreads, new NudgesFirstHead(2), shape());
    assertFinds(onThreads, new NudgesFirstHead(1), shape());
  }

  @Test
  void writingTooMuchIsFound() {
    assertFinds(AttentionChecks::writesOnlyWhatItIsAskedFor, new WritesAllHeads(), shape());
    assertFinds(AttentionChecks::writesOnlyWhatItIsAskedFor, new WritesAllRows(), shape());
  }

  @Test
  void anObjectAndABoxedNumberPerCallAreFound() {
    Object[] kept = new Object[1];
    Duration patience = Duration.ofMillis(300);
    assertThat(AllocationMeter.bytesOf(round -> kept[0] = new float[1], 200, patience))
        .isGreaterThanOrEqualTo(200 * 16);
    assertThat(AllocationMeter.bytesOf(round -> kept[0] = 1000 + round, 200, patience))
        .isGreaterThanOrEqualTo(200 * 16);
    assertThat(AllocationMeter.bytesOf(round -> kept[0] = kept, 200, patience)).isZero();
  }

  /** The scalar kernels, to be spoiled. */
  private abstract static class Bug extends ForwardingKernels {
    Bug() {
      super(SCALAR);
    }

    @Override
    public String describe() {
      return getClass().getSimpleName();
    }

    static LayerShape layer(AttendCall call) {
      return call.storage().layout().shape().layer(call.layer());
    }

    /** Moves one output to the next number up. */
    static void nudge(AttendCall call, int token, int queryHead) {
      int valueDim = layer(call).valueHeadDim();
      nudge(call.output(), token, call.spec().numQueryHeads() * valueDim, queryHead * valueDim);
    }

    static void nudge(Rows rows, int row, int rowWidth, int index) {
      float[] number = new float[1];
      RowAccess.read(rows, row, rowWidth, index, 1, number, 0, 1);
      RowAccess.writeElement(Math.nextUp(number[0]), rows, row, rowWidth, index);
    }
  }

  /** A condition on two numbers. */
  private interface When {
    boolean test(int index, int count);
  }

  /** Takes contexts to be longer or shorter than they are, as far as their blocks reach. */
  static final class ReadsFurther extends Bug {
    private final int positions;

    ReadsFurther(int positions) {
      this.positions = positions;
    }

    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      RaggedBatch batch = call.batch();
      RaggedBatch wrong = new RaggedBatch(0);
      for (int i = 0; i < batch.numSeqs(); i++) {
        int contextLength = batch.contextLength(i) + positions;
        int blocks = call.storage().layout().shape().blocksFor(contextLength);
        int start = wrong.addSequence(batch.queryLength(i), contextLength, blocks);
        System.arraycopy(batch.blockIds(), batch.tableStart(i), wrong.blockIds(), start, blocks);
      }
      AttendCall wrongCall = new AttendCall(call.storage(), wrong);
      wrongCall.set(call.layer(), call.spec(), call.queries(), call.output(), call.lse());
      SCALAR.attend(wrongCall, firstToken, endToken, firstHead, endHead, s);
    }
  }

  private static final class ScalesDifferently extends Bug {
    private final float factor;

    ScalesDifferently(float factor) {
      this.factor = factor;
    }

    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      AttentionSpec spec = call.spec();
      float scale = spec.softmaxScale() * factor;
      AttendCall wrong = new AttendCall(call.storage(), call.batch());
      wrong.set(
          call.layer(),
          AttentionSpec.causal(spec.numQueryHeads(), scale),
          call.queries(),
          call.output(),
          call.lse());
      SCALAR.attend(wrong, firstToken, endToken, firstHead, endHead, s);
    }
  }

  /** Writes the keys and values of the first head into all of them. */
  private static final class MixesUpHeads extends Bug {
    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      SCALAR.write(call, firstToken, endToken);
      HostStorage storage = (HostStorage) call.storage();
      KvLayout layout = storage.layout();
      long tileBytes =
          layout.keyTileOffset(0, call.layer(), 1) - layout.keyTileOffset(0, call.layer(), 0);
      for (int block = 0; block < storage.numBlocks(); block++) {
        long first = layout.keyTileOffset(block, call.layer(), 0);
        storage
            .segment()
            .asSlice(first + tileBytes, tileBytes)
            .copyFrom(storage.segment().asSlice(first, tileBytes));
      }
    }
  }

  private static final class NudgesOutput extends Bug {
    private final When when;

    NudgesOutput(When when) {
      this.when = when;
    }

    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, firstHead, endHead, s);
      for (int token = firstToken; token < endToken; token++) {
        if (when.test(token, call.batch().numTokens())) {
          nudge(call, token, firstHead * call.spec().groupSize(layer(call)));
        }
      }
    }
  }

  private static final class NudgesLse extends Bug {
    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, firstHead, endHead, s);
      nudge(call.lse(), endToken - 1, call.spec().numQueryHeads(), 0);
    }
  }

  private static final class NudgesByBlock extends Bug {
    private final When when;

    NudgesByBlock(When when) {
      this.when = when;
    }

    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, firstHead, endHead, s);
      if (when.test(call.batch().blockIds()[0], call.storage().numBlocks())) {
        nudge(call, firstToken, 0);
      }
    }
  }

  /** Nudges a head of any call over so many heads. */
  private static final class NudgesFirstHead extends Bug {
    private final int numHeads;

    NudgesFirstHead(int numHeads) {
      this.numHeads = numHeads;
    }

    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, firstHead, endHead, s);
      if (endHead - firstHead == numHeads) {
        nudge(call, firstToken, firstHead * call.spec().groupSize(layer(call)));
      }
    }
  }

  /** Adds the value of the slot behind the context, times the weight of 0 that it has. */
  static final class MultipliesWhatIsHidden extends Bug {
    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, firstHead, endHead, s);
      RaggedBatch batch = call.batch();
      int seqIndex = batch.sequenceOf(firstToken);
      KvLayout layout = call.storage().layout();
      int blockSize = layout.shape().blockSize();
      int position = batch.contextLength(seqIndex);
      int blockId = batch.blockIds()[batch.tableStart(seqIndex) + position / blockSize];
      long offset =
          layout.valueTileOffset(blockId, call.layer(), firstHead)
              + position % blockSize * layout.valueTokenStrideBytes(call.layer());
      LayerShape layer = layer(call);
      float hidden =
          Elements.get(((HostStorage) call.storage()).segment(), layer.valueDType(), offset);
      float[] number = new float[1];
      int head = firstHead * call.spec().groupSize(layer);
      int width = call.spec().numQueryHeads() * layer.valueHeadDim();
      int index = head * layer.valueHeadDim();
      RowAccess.read(call.output(), firstToken, width, index, 1, number, 0, 1);
      float sum = Math.fma(0f, hidden, number[0]);
      RowAccess.writeElement(sum, call.output(), firstToken, width, index);
    }
  }

  private static final class WritesAllHeads extends Bug {
    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      SCALAR.attend(call, firstToken, endToken, 0, layer(call).numKvHeads(), s);
    }
  }

  private static final class WritesAllRows extends Bug {
    @Override
    public void attend(
        AttendCall call, int firstToken, int endToken, int firstHead, int endHead, Scratch s) {
      RaggedBatch batch = call.batch();
      int first = batch.queryStart(batch.sequenceOf(firstToken));
      SCALAR.attend(call, first, endToken, firstHead, endHead, s);
      if (first > 0) {
        SCALAR.attend(call, first - 1, first, firstHead, endHead, s);
      }
    }
  }
}
