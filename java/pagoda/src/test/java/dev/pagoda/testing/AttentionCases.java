package dev.pagoda.testing;

import static dev.pagoda.layout.AttentionMask.slidingWindow;
import static dev.pagoda.layout.DType.BF16;
import static dev.pagoda.layout.DType.FP16;
import static dev.pagoda.layout.DType.FP32;

import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** The shapes that attention is checked over: an explicit list of awkward ones, and random ones. */
public final class AttentionCases {
  private static final int[] HEAD_DIMS = {1, 3, 16, 33, 64, 80, 128, 192, 256};
  private static final int[] GROUP_SIZES = {1, 4, 7, 8};
  private static final int[] BLOCK_SIZES = {1, 5, 8, 16, 48, 64, 256};
  private static final int[] QUERY_LENGTHS = {1, 3, 17, 70};
  private static final DType[] DTYPES = {FP32, FP16, BF16};
  private static final TypedRows.Form[] ROW_FORMS = TypedRows.Form.values();

  private AttentionCases() {}

  /** Every awkward value at least once, each beside unremarkable others. */
  public static List<AttentionCase> awkward() {
    List<AttentionCase> cases = new ArrayList<>();
    for (int blockSize : BLOCK_SIZES) {
      for (DType dtype : DTYPES) {
        cases.add(edgesOfABlock(next(cases).blockSize(blockSize).dtypes(dtype, dtype)));
      }
    }
    for (int contextLength : new int[] {1023, 1024, 1025, 2100}) {
      cases.add(next(cases).headDim(32).heads(1, 4).sequence(1, contextLength));
      cases.add(next(cases).headDim(16).dtypes(BF16, BF16).sequence(3, contextLength));
    }
    for (int headDim : HEAD_DIMS) {
      for (DType dtype : DTYPES) {
        AttentionCase headDims = next(cases).headDim(headDim).dtypes(dtype, dtype).heads(2, 4);
        cases.add(headDims.sequence(1, 70).sequence(5, 21));
      }
    }
    cases.add(next(cases).headDims(192, 128).dtypes(BF16, FP32).sequence(2, 130));
    cases.add(next(cases).headDims(33, 80).dtypes(FP32, FP16).sequence(2, 130));
    for (int groupSize : GROUP_SIZES) {
      for (int queryLength : QUERY_LENGTHS) {
        cases.add(
            next(cases).heads(2, groupSize).sequence(queryLength, 150).sequence(queryLength, 70));
      }
    }
    cases.add(next(cases).heads(1, 71).headDim(64).sequence(1, 90).sequence(3, 40)); // MQA
    cases.add(next(cases).heads(1, 128).headDim(32).sequence(1, 65));
    cases.addAll(masks());
    for (TypedRows.Form form : ROW_FORMS) {
      cases.add(next(cases).rowForm(form).heads(2, 2).sequence(4, 33));
      cases.add(
          next(cases).rowForm(form).heads(2, 2).blockSize(5).dtypes(FP16, BF16).sequence(1, 33));
    }
    cases.add(next(cases).withoutLse().sequence(2, 20));
    cases.add(next(cases).keyOrder(KeyOrder.TOKEN_MAJOR).heads(2, 3).sequence(3, 100));
    cases.add(
        next(cases).keyOrder(KeyOrder.TOKEN_MAJOR).dtypes(BF16, FP16).headDim(80).sequence(20, 75));
    return cases;
  }

  private static List<AttentionCase> masks() {
    List<AttentionCase> cases = new ArrayList<>();
    for (boolean causal : new boolean[] {true, false}) {
      for (int window : new int[] {0, 1, 2, 16, 63, 64, 65, 1000}) {
        AttentionMask mask = new AttentionMask(causal, window);
        AttentionCase masked = new AttentionCase(900 + window).mask(mask).heads(2, 3).headDim(48);
        cases.add(masked.sequence(1, 1).sequence(70, 200).sequence(1, 130).sequence(17, 17));
      }
    }
    AttentionMask window = slidingWindow(30);
    cases.add(new AttentionCase(1).softCap(5f).queryScale(6f).sequence(9, 80).sequence(1, 129));
    cases.add(new AttentionCase(2).alibi().heads(2, 4).sequence(9, 80).sequence(1, 1029));
    cases.add(new AttentionCase(3).sinks().heads(2, 4).sequence(9, 80).sequence(1, 129));
    cases.add(
        new AttentionCase(4)
            .softCap(20f)
            .alibi()
            .sinks()
            .mask(window)
            .sequence(66, 100)
            .heads(2, 7));
    cases.add(new AttentionCase(5).queryScale(60f).headDim(128).sequence(3, 300).alibi());
    return cases;
  }

  private static AttentionCase edgesOfABlock(AttentionCase shape) {
    int blockSize = shape.blockSize();
    if (blockSize > 1) {
      shape.sequence(1, blockSize - 1);
    }
    return shape
        .sequence(1, 1)
        .sequence(1, blockSize)
        .sequence(2, blockSize + 1)
        .sequence(1, 3 * blockSize + 1)
        .heads(2, 2);
  }

  private static AttentionCase next(List<AttentionCase> cases) {
    return new AttentionCase(100 + cases.size());
  }

  /** The awkward shapes and as many random ones as there is patience for. */
  public static Stream<AttentionCase> awkwardAndRandom(long firstSeed, int count) {
    return Stream.concat(awkward().stream(), random(firstSeed, count));
  }

  /** Causal ones of all shapes, among them prompts that are longer than a tile of any kernel. */
  public static Stream<AttentionCase> prompts(long firstSeed, int count) {
    Stream<AttentionCase> longOnes =
        Stream.of(
            new AttentionCase(1).heads(2, 1).sequence(150, 150),
            new AttentionCase(2).heads(1, 7).headDim(80).sequence(100, 170).blockSize(5),
            new AttentionCase(3).heads(1, 4).mask(slidingWindow(70)).sequence(140, 140),
            new AttentionCase(4).heads(1, 2).headDim(64).dtypes(BF16, BF16).sequence(90, 90));
    Stream<AttentionCase> causal =
        awkwardAndRandom(firstSeed, count).filter(shape -> shape.spec().mask().causal());
    return Stream.concat(longOnes, causal);
  }

  /** Few rows over contexts of several spans, so that more threads than rows have work. */
  public static Stream<AttentionCase> longContexts() {
    return Stream.of(
        new AttentionCase(1).heads(2, 4).headDim(64).sequence(1, 5000),
        new AttentionCase(2).heads(1, 7).headDim(80).dtypes(BF16, BF16).sequence(3, 3073),
        new AttentionCase(3).heads(3, 1).dtypes(FP16, FP32).sequence(1, 1024).sequence(2, 2049),
        new AttentionCase(4).heads(1, 8).alibi().sinks().softCap(8f).sequence(1, 2500),
        new AttentionCase(5).heads(2, 2).mask(slidingWindow(1500)).sequence(2, 4100),
        new AttentionCase(6).heads(2, 2).mask(AttentionMask.FULL).sequence(2, 1025).sinks(),
        new AttentionCase(7).heads(1, 4).blockSize(5).headDims(33, 20).sequence(1, 2048),
        new AttentionCase(8).heads(1, 1).sequence(70, 2100).sequence(1, 1),
        // More bytes than near caches hold, which one row of a head reads in another way.
        new AttentionCase(9).heads(4, 1).headDim(64).sequence(1, 2200));
  }

  /** Small shapes, everything drawn at random. */
  public static Stream<AttentionCase> random(long firstSeed, int count) {
    return LongStream.range(firstSeed, firstSeed + count).mapToObj(AttentionCases::random);
  }

  /** One small shape, everything drawn at random from the seed. */
  public static AttentionCase random(long seed) {
    RandomGenerator random = Seeds.generator(seed, "shape");
    AttentionCase shape = new AttentionCase(seed);
    shape.heads(1 + random.nextInt(3), random.nextInt(4) > 0 ? 1 + random.nextInt(9) : 4);
    boolean isPlain = random.nextInt(3) > 0;
    int keyDim = isPlain ? 16 * (1 + random.nextInt(9)) : 1 + random.nextInt(40);
    shape.headDims(keyDim, random.nextInt(4) > 0 ? keyDim : 1 + random.nextInt(140));
    shape.dtypes(DTYPES[random.nextInt(3)], DTYPES[random.nextInt(3)]);
    shape.blockSize(isPlain ? 16 * (1 + random.nextInt(4)) : 1 + random.nextInt(40));
    if (random.nextInt(8) == 0) {
      shape.keyOrder(KeyOrder.TOKEN_MAJOR);
    }
    int window = random.nextBoolean() ? 0 : 1 + random.nextInt(100);
    shape.mask(new AttentionMask(random.nextInt(4) > 0, window));
    shape.softCap(random.nextInt(4) == 0 ? random.nextFloat(0.5f, 30f) : 0f);
    if (random.nextInt(4) == 0) {
      shape.alibi();
    }
    if (random.nextInt(4) == 0) {
      shape.sinks();
    }
    shape.queryScale(random.nextInt(4) == 0 ? 10f : 1f);
    shape.rowForm(ROW_FORMS[random.nextInt(ROW_FORMS.length)]);
    if (random.nextInt(8) == 0) {
      shape.withoutLse();
    }
    int numSequences = 1 + random.nextInt(3);
    for (int s = 0; s < numSequences; s++) {
      int contextLength = 1 + random.nextInt(random.nextInt(6) == 0 ? 300 : 100);
      int queryLength = random.nextBoolean() ? 1 : 1 + random.nextInt(Math.min(24, contextLength));
      shape.sequence(queryLength, contextLength);
    }
    return shape;
  }
}
