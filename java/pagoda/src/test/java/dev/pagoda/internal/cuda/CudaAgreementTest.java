package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.internal.cuda.TwoCaches.Calls;
import dev.pagoda.internal.cuda.TwoCaches.Growth;
import dev.pagoda.internal.cuda.TwoCaches.Pair;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.testing.Seeds;
import dev.pagoda.testing.TypedRows.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The device agrees with plain Java over an explicit list of awkward shapes: norm of the difference
 * below 6e-3 of the result's in BF16, 1e-3 in FP16, 2e-6 in FP32. Inputs are fresh in every run,
 * outputs poisoned, blocks shuffled, and what nobody owns is NaN.
 */
@Tag("gpu")
class CudaAgreementTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());

  /** Rows of a sequence in the last step, and its tokens with them. */
  record Part(int queryLength, int contextLength) {}

  record Heads(int numKvHeads, int groupSize, int keyDim, int valueDim) {}

  /** What else goes into scores. */
  record Extras(float softCap, boolean alibi, boolean sinks) {}

  record Case(
      DType dtype,
      Heads heads,
      int blockSize,
      AttentionMask mask,
      Extras extras,
      Form form,
      List<Part> parts) {
    static Case of(DType dtype) {
      Heads heads = new Heads(2, 4, 128, 128);
      Extras none = new Extras(0f, false, false);
      return new Case(dtype, heads, 16, AttentionMask.CAUSAL, none, Form.ARRAY, DECODE);
    }

    Case heads(int numKvHeads, int groupSize) {
      Heads others = new Heads(numKvHeads, groupSize, heads.keyDim, heads.valueDim);
      return new Case(dtype, others, blockSize, mask, extras, form, parts);
    }

    Case dims(int keyDim, int valueDim) {
      Heads others = new Heads(heads.numKvHeads, heads.groupSize, keyDim, valueDim);
      return new Case(dtype, others, blockSize, mask, extras, form, parts);
    }

    Case blocks(int newBlockSize) {
      return new Case(dtype, heads, newBlockSize, mask, extras, form, parts);
    }

    Case mask(AttentionMask newMask) {
      return new Case(dtype, heads, blockSize, newMask, extras, form, parts);
    }

    Case extras(float softCap, boolean alibi, boolean sinks) {
      Extras others = new Extras(softCap, alibi, sinks);
      return new Case(dtype, heads, blockSize, mask, others, form, parts);
    }

    Case rows(Form newForm) {
      return new Case(dtype, heads, blockSize, mask, extras, newForm, parts);
    }

    Case parts(List<Part> newParts) {
      return new Case(dtype, heads, blockSize, mask, extras, form, newParts);
    }

    AttentionSpec spec(RandomGenerator random) {
      int numQueryHeads = heads.numKvHeads * heads.groupSize;
      AttentionSpec spec =
          AttentionSpec.causal(numQueryHeads, (float) (1 / Math.sqrt(heads.keyDim)))
              .withMask(mask)
              .withLogitSoftCap(extras.softCap);
      if (extras.alibi) {
        spec = spec.withAlibiSlopes(numbers(random, numQueryHeads, 0.25f));
      }
      return extras.sinks ? spec.withSinks(numbers(random, numQueryHeads, 2f)) : spec;
    }

    private static float[] numbers(RandomGenerator random, int count, float bound) {
      float[] numbers = new float[count];
      for (int i = 0; i < count; i++) {
        numbers[i] = random.nextFloat(-bound, bound);
      }
      return numbers;
    }
  }

  private static final List<Part> DECODE =
      List.of(
          new Part(1, 1),
          new Part(1, 15),
          new Part(1, 16),
          new Part(1, 17),
          new Part(1, 63),
          new Part(1, 64),
          new Part(1, 65),
          new Part(1, 300));
  private static final List<Part> MIXED =
      List.of(
          new Part(1, 33),
          new Part(17, 17),
          new Part(40, 100),
          new Part(1, 1),
          new Part(65, 129),
          new Part(2, 200));

  static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (DType dtype : DType.values()) {
      Case base = Case.of(dtype);
      for (List<Part> parts : List.of(DECODE, MIXED)) {
        Case start = base.parts(parts);
        cases.add(start);
        cases.add(start.mask(AttentionMask.slidingWindow(20)));
        cases.add(start.mask(AttentionMask.FULL));
        cases.add(start.extras(5f, false, false));
        cases.add(start.extras(0f, true, false));
        cases.add(start.extras(0f, false, true));
        cases.add(start.mask(AttentionMask.slidingWindow(50)).extras(3f, true, true));
        cases.add(start.mask(new AttentionMask(false, 9)).extras(0f, true, true));
        for (int dim : new int[] {64, 80, 96, 112, 192, 256, 72, 3}) {
          cases.add(start.dims(dim, dim));
        }
        cases.add(start.dims(192, 128));
        for (int groupSize : new int[] {1, 2, 7, 8, 16, 24}) {
          cases.add(start.heads(1, groupSize));
        }
        for (int blockSize : new int[] {1, 8, 24, 32, 64, 128, 256}) {
          cases.add(start.blocks(blockSize));
        }
      }
      for (Form form : Form.values()) {
        cases.add(base.parts(MIXED).rows(form));
      }
    }
    return cases;
  }

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  @Tag("nvidia")
  void aStepOfTheWholeBatchAgreesWithPlainJava(Case shape) {
    run(shape, Calls.WHOLE_STEP);
  }

  static List<Case> casesRowByRow() {
    List<Case> cases = new ArrayList<>();
    for (DType dtype : DType.values()) {
      Case small =
          Case.of(dtype)
              .dims(64, 64)
              .parts(List.of(new Part(1, 20), new Part(9, 30), new Part(5, 5)));
      cases.add(small);
      cases.add(small.mask(AttentionMask.slidingWindow(7)).extras(0f, true, true));
      cases.add(small.mask(AttentionMask.FULL));
      cases.add(small.mask(new AttentionMask(false, 6)));
      cases.add(small.mask(AttentionMask.FULL).extras(0f, true, false));
      cases.add(small.rows(Form.HEAP_SEGMENT_BF16));
    }
    return cases;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("casesRowByRow")
  void rowsAndHeadsOneByOneAgreeWithPlainJava(Case shape) {
    run(shape, Calls.ROW_BY_ROW);
  }

  /** One visible token less of three hundred is a mistake that the comparison finds. */
  @ParameterizedTest(name = "{0}")
  @EnumSource(DType.class)
  void aMissingTokenIsNoticed(DType dtype) {
    Case shape = Case.of(dtype).parts(List.of(new Part(1, 300), new Part(1, 280)));
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() ->
            run(shape, Calls.WHOLE_STEP, spec -> spec.withMask(AttentionMask.slidingWindow(279))))
        .withMessageContaining("seed=" + SEED);
  }

  static List<Arguments> pairsOfTypes() {
    List<Arguments> pairs = new ArrayList<>();
    for (DType keys : DType.values()) {
      for (DType values : DType.values()) {
        if (keys != values) {
          pairs.add(Arguments.of(keys, values));
        }
      }
    }
    return pairs;
  }

  @ParameterizedTest(name = "{0} keys, {1} values")
  @MethodSource("pairsOfTypes")
  void keysAndValuesOfDifferentTypesAgreeWithPlainJava(DType keys, DType values) {
    Case shape = Case.of(keys).dims(64, 80).parts(MIXED);
    run(shape, Calls.WHOLE_STEP, values, UnaryOperator.identity());
  }

  private static void run(Case shape, Calls calls) {
    run(shape, calls, UnaryOperator.identity());
  }

  private static void run(Case shape, Calls calls, UnaryOperator<AttentionSpec> planted) {
    run(shape, calls, shape.dtype, planted);
  }

  private static void run(
      Case shape, Calls calls, DType values, UnaryOperator<AttentionSpec> planted) {
    RandomGenerator random = Seeds.generator(SEED, shape.toString());
    LayerShape other = LayerShape.of(1, 16, shape.dtype);
    Heads heads = shape.heads;
    LayerShape layer =
        new LayerShape(heads.numKvHeads, heads.keyDim, heads.valueDim, shape.dtype, values);
    KvShape kvShape = new KvShape(List.of(layer, other, layer), shape.blockSize);
    int numBlocks = 3;
    for (Part part : shape.parts) {
      numBlocks += kvShape.blocksFor(part.contextLength);
    }
    AttentionSpec spec = shape.spec(random);
    String what = "seed=" + SEED + ", " + shape;
    try (TwoCaches caches =
        new TwoCaches(kvShape, numBlocks, CudaPlace.firstDevice(), shape.form, random)) {
      caches.planted = planted;
      caches.shuffleBlocks();
      List<Growth> before = new ArrayList<>();
      List<Growth> last = new ArrayList<>();
      for (Part part : shape.parts) {
        Pair pair = caches.open();
        int first = part.contextLength - part.queryLength;
        if (first > 0) {
          before.add(new Growth(pair, first));
        }
        last.add(new Growth(pair, part.queryLength));
      }
      caches.write(before);
      caches.step(last, spec, calls, what);
    }
  }
}
