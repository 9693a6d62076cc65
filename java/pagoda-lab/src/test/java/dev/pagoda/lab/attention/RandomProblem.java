package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.lab.cli.AttendAnswer;
import dev.pagoda.lab.cli.AttendEngine;
import dev.pagoda.lab.cli.AttendProblem;
import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.BFloat16;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** A random ragged problem for {@code pagoda attend}, and what float64 answers to it. */
record RandomProblem(AttendProblem problem) {
  private static final ElementType[] TYPES = {ElementType.F32, ElementType.F16, ElementType.BF16};

  static RandomProblem of(Random random) {
    List<AttendProblem.Lengths> sequences = new ArrayList<>();
    int numSeqs = 1 + random.nextInt(4);
    for (int i = 0; i < numSeqs; i++) {
      int contextLength = random.nextInt(random.nextInt(8) == 0 ? 250 : 50);
      int queryLength = random.nextInt(Math.min(contextLength, 20) + 1);
      sequences.add(new AttendProblem.Lengths(queryLength, contextLength));
    }
    return with(random, sequences);
  }

  static RandomProblem with(Random random, List<AttendProblem.Lengths> sequences) {
    return with(random, sequences, TYPES[random.nextInt(3)]);
  }

  static RandomProblem with(
      Random random, List<AttendProblem.Lengths> sequences, ElementType keyType) {
    int numKvHeads = 1 + random.nextInt(3);
    int numQueryHeads = numKvHeads * (1 << random.nextInt(3));
    int[] dims = {1, 7, 16, 40, 64, 80};
    int keyDim = dims[random.nextInt(dims.length)];
    int valueDim = dims[random.nextInt(dims.length)];
    int numTokens = sequences.stream().mapToInt(AttendProblem.Lengths::queryLength).sum();
    int numKvTokens = sequences.stream().mapToInt(AttendProblem.Lengths::contextLength).sum();
    ElementType queryType = TYPES[random.nextInt(3)];
    ElementType valueType = TYPES[random.nextInt(3)];
    return new RandomProblem(
        new AttendProblem(
            rows(queryType, numTokens, numQueryHeads, keyDim, random),
            rows(keyType, numKvTokens, numKvHeads, keyDim, random),
            rows(valueType, numKvTokens, numKvHeads, valueDim, random),
            sequences,
            random.nextInt(3) == 0 ? perHead(numQueryHeads, random) : List.of(),
            random.nextInt(3) == 0 ? perHead(numQueryHeads, random) : List.of(),
            new AttendProblem.Settings(
                (float) (1 / Math.sqrt(keyDim)),
                new int[] {1, 3, 16, 64}[random.nextInt(4)],
                random.nextInt(3) > 0,
                random.nextBoolean() ? 0 : 1 + random.nextInt(30),
                random.nextInt(3) == 0 ? 0.5f + random.nextInt(30) : 0f)));
  }

  private static List<Float> perHead(int numHeads, Random random) {
    List<Float> numbers = new ArrayList<>();
    for (int i = 0; i < numHeads; i++) {
      numbers.add((float) random.nextGaussian() / 2);
    }
    return numbers;
  }

  /** At an odd address, as a file has it whose header is not padded. */
  private static AttendProblem.Rows rows(
      ElementType type, int numTokens, int numHeads, int headDim, Random random) {
    int count = numTokens * numHeads * headDim;
    MemorySegment data = Arena.ofAuto().allocate((long) count * type.byteSize() + 1).asSlice(1);
    for (int i = 0; i < count; i++) {
      float number = (float) random.nextGaussian();
      switch (type) {
        case F32 -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, number);
        case F16 ->
            data.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, Float.floatToFloat16(number));
        default -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, BFloat16.fromFloat(number));
      }
    }
    return new AttendProblem.Rows(type, numTokens, numHeads, headDim, data.asReadOnly());
  }

  AttendProblem withBlockSize(int blockSize) {
    AttendProblem.Settings s = problem.settings();
    return new AttendProblem(
        problem.query(),
        problem.key(),
        problem.value(),
        problem.sequences(),
        problem.alibiSlopes(),
        problem.sinks(),
        new AttendProblem.Settings(
            s.softmaxScale(), blockSize, s.causal(), s.slidingWindow(), s.logitsSoftCap()));
  }

  /** Filled with NaN, so that what nobody writes shows. */
  static AttendAnswer roomFor(AttendProblem problem) {
    int numRows = problem.query().numTokens() * problem.query().numHeads();
    float[] output = new float[numRows * problem.value().headDim()];
    float[] lse = new float[numRows];
    Arrays.fill(output, Float.NaN);
    Arrays.fill(lse, Float.NaN);
    Arena arena = Arena.ofAuto();
    return new AttendAnswer(
        arena.allocateFrom(ValueLayout.JAVA_FLOAT, output),
        arena.allocateFrom(ValueLayout.JAVA_FLOAT, lse));
  }

  static float[] floats(AttendAnswer answer) {
    float[] output = answer.output().toArray(ValueLayout.JAVA_FLOAT);
    float[] lse = answer.lse().toArray(ValueLayout.JAVA_FLOAT);
    float[] both = Arrays.copyOf(output, output.length + lse.length);
    System.arraycopy(lse, 0, both, output.length, lse.length);
    return both;
  }

  void assertAnswers(AttendEngine engine, double tolerance, String description) {
    AttendAnswer answer = roomFor(problem);
    engine.attend(problem, answer);
    float[] output = answer.output().toArray(ValueLayout.JAVA_FLOAT);
    float[] lse = answer.lse().toArray(ValueLayout.JAVA_FLOAT);
    int numQueryHeads = problem.query().numHeads();
    int valueDim = problem.value().headDim();
    int numTokens = problem.query().numTokens();
    int row = 0;
    int kvRow = 0;
    for (AttendProblem.Lengths lengths : problem.sequences()) {
      ReferenceAttention.Result expected = expected(row, kvRow, lengths);
      for (int i = 0; i < expected.output().length; i++) {
        assertClose(
            output[row * numQueryHeads * valueDim + i],
            expected.output()[i],
            tolerance,
            description + ", output of row " + row + ", element " + i);
      }
      for (int i = 0; i < expected.lse().length; i++) {
        int token = row + i / numQueryHeads;
        assertClose(
            lse[i % numQueryHeads * numTokens + token],
            expected.lse()[i],
            tolerance,
            description + ", LSE of row " + token + ", head " + i % numQueryHeads);
      }
      row += lengths.queryLength();
      kvRow += lengths.contextLength();
    }
    assertThat(output).hasSize(row * numQueryHeads * valueDim);
  }

  private static void assertClose(float actual, double expected, double tolerance, String what) {
    if (Double.isInfinite(expected)) {
      assertThat((double) actual).as(what).isEqualTo(expected);
    } else {
      assertThat((double) actual)
          .as(what)
          .isCloseTo(expected, within(tolerance * (1 + Math.abs(expected))));
    }
  }

  private ReferenceAttention.Result expected(
      int firstRow, int firstKvRow, AttendProblem.Lengths lengths) {
    AttendProblem.Settings settings = problem.settings();
    int numKvHeads = problem.key().numHeads();
    AttentionSpec spec =
        AttentionSpec.causal(problem.query().numHeads(), settings.softmaxScale())
            .withMask(new AttentionMask(settings.causal(), settings.slidingWindow()))
            .withLogitSoftCap(settings.logitsSoftCap())
            .withAlibiSlopes(array(problem.alibiSlopes()))
            .withSinks(array(problem.sinks()));
    LayerShape shape =
        new LayerShape(
            numKvHeads, problem.key().headDim(), problem.value().headDim(), DType.FP32, DType.FP32);
    ContiguousKv kv =
        new ContiguousKv(
            decoded(problem.key()), decoded(problem.value()), firstKvRow, lengths.contextLength());
    int queryWidth = problem.query().numHeads() * problem.query().headDim();
    float[] queries =
        Arrays.copyOfRange(
            decoded(problem.query()),
            firstRow * queryWidth,
            (firstRow + lengths.queryLength()) * queryWidth);
    return new ReferenceAttention(spec, shape).attend(kv, queries, lengths.queryLength());
  }

  private static float[] array(List<Float> numbers) {
    float[] array = new float[numbers.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = numbers.get(i);
    }
    return array;
  }

  private static float[] decoded(AttendProblem.Rows rows) {
    float[] numbers = new float[rows.numTokens() * rows.numHeads() * rows.headDim()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] =
          switch (rows.type()) {
            case F32 -> rows.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
            case F16 ->
                Float.float16ToFloat(rows.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i));
            default -> BFloat16.toFloat(rows.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i));
          };
    }
    return numbers;
  }

  @Override
  public String toString() {
    return "query="
        + shown(problem.query())
        + ", key="
        + shown(problem.key())
        + ", value="
        + shown(problem.value())
        + ", sequences="
        + problem.sequences()
        + ", alibi="
        + problem.alibiSlopes()
        + ", sinks="
        + problem.sinks()
        + ", "
        + problem.settings();
  }

  private static String shown(AttendProblem.Rows rows) {
    return rows.type()
        + "["
        + rows.numTokens()
        + ", "
        + rows.numHeads()
        + ", "
        + rows.headDim()
        + "]";
  }
}
