package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.HeadRange;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Place;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.TypedRows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ForkJoinPool;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;

/**
 * One cache on the device and one of plain Java, which live through the same story and must tell
 * the same results within the dtype's bound. Both are in debug mode: what nobody owns is NaN, and
 * the device looks at its arrays.
 */
final class TwoCaches implements AutoCloseable {
  final PagedKvCache device;
  final PagedKvCache scalar;
  final KvShape shape;
  private final RandomGenerator random;
  private final TypedRows.Form form;

  /** What the device is asked to compute instead: a mistake that the comparison must find. */
  UnaryOperator<AttentionSpec> planted = UnaryOperator.identity();

  TwoCaches(
      KvShape shape, int numBlocks, Place place, TypedRows.Form form, RandomGenerator random) {
    this.shape = shape;
    this.random = random;
    this.form = form;
    device = PagedKvCache.open(shape, place, Capacity.blocks(numBlocks), Checks.DEBUG);
    scalar = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(numBlocks), Checks.DEBUG);
  }

  /** A sequence in each. */
  record Pair(KvSequence device, KvSequence scalar) {
    Pair fork(int length) {
      return new Pair(device.fork(length), scalar.fork(length));
    }

    void truncate(int length) {
      device.truncate(length);
      scalar.truncate(length);
    }

    int length() {
      return scalar.length();
    }

    void close() {
      device.close();
      scalar.close();
    }
  }

  /** Tokens to append to one sequence. */
  record Growth(Pair pair, int numTokens) {}

  /** How each attention call is made. */
  enum Calls {
    WHOLE_STEP,
    ROW_BY_ROW
  }

  Pair open() {
    return new Pair(device.newSequence(), scalar.newSequence());
  }

  /** Largest relative norm of a difference that a dtype may have. */
  static double bound(DType dtype) {
    return switch (dtype) {
      case BF16 -> 6e-3;
      case FP16 -> 1e-3;
      case FP32 -> 2e-6;
    };
  }

  /** One step over every layer in both caches; results are compared. */
  void step(List<Growth> growths, AttentionSpec spec, Calls calls, String what) {
    try (Step here = device.newStep();
        Step there = scalar.newStep()) {
      for (Growth growth : growths) {
        here.append(growth.pair.device, growth.numTokens);
        there.append(growth.pair.scalar, growth.numTokens);
      }
      here.begin();
      there.begin();
      for (int layer = 0; layer < shape.numLayers(); layer++) {
        attend(layer, here, there, spec, calls, what);
      }
      here.commit();
      there.commit();
    }
  }

  /** A step that writes one layer and then takes everything back. */
  void beginAndRollBack(Growth growth) {
    for (PagedKvCache cache : List.of(device, scalar)) {
      try (Step step = cache.newStep()) {
        step.append(cache == device ? growth.pair.device : growth.pair.scalar, growth.numTokens);
        int numTokens = step.begin().numTokens();
        LayerShape of = shape.layer(0);
        TypedRows keys = rows(numTokens, of.numKvHeads() * of.keyHeadDim());
        TypedRows values = rows(numTokens, of.numKvHeads() * of.valueHeadDim());
        step.write(0, keys.rows(), values.rows());
        step.rollback();
      }
    }
  }

  /** One step that only writes. */
  void write(List<Growth> growths) {
    try (Step here = device.newStep();
        Step there = scalar.newStep()) {
      for (Growth growth : growths) {
        here.append(growth.pair.device, growth.numTokens);
        there.append(growth.pair.scalar, growth.numTokens);
      }
      int numTokens = here.begin().numTokens();
      there.begin();
      for (int layer = 0; layer < shape.numLayers(); layer++) {
        LayerShape of = shape.layer(layer);
        TypedRows keys = rows(numTokens, of.numKvHeads() * of.keyHeadDim());
        TypedRows values = rows(numTokens, of.numKvHeads() * of.valueHeadDim());
        here.write(layer, keys.rows(), values.rows());
        there.write(layer, keys.rows(), values.rows());
      }
      here.commit();
      there.commit();
    }
  }

  private void attend(
      int layer, Step here, Step there, AttentionSpec spec, Calls calls, String what) {
    int numTokens = there.numTokens();
    LayerShape shapeOfLayer = shape.layer(layer);
    int numKvHeads = shapeOfLayer.numKvHeads();
    TypedRows keys = rows(numTokens, numKvHeads * shapeOfLayer.keyHeadDim());
    TypedRows values = rows(numTokens, numKvHeads * shapeOfLayer.valueHeadDim());
    TypedRows queries = rows(numTokens, spec.numQueryHeads() * shapeOfLayer.keyHeadDim());
    int width = spec.numQueryHeads() * shapeOfLayer.valueHeadDim();
    TypedRows output = poisoned(form, numTokens, width);
    TypedRows lse = poisoned(TypedRows.Form.SEGMENT_FP32, numTokens, spec.numQueryHeads());
    float[] expected = new float[numTokens * width];
    float[] expectedLse = new float[numTokens * spec.numQueryHeads()];

    here.write(layer, keys.rows(), values.rows());
    there.write(layer, keys.rows(), values.rows());
    AttentionRows rows = new AttentionRows(queries.rows(), output.rows(), lse.rows());
    if (calls == Calls.WHOLE_STEP) {
      here.attend(layer, planted.apply(spec), rows, Workers.caller());
    } else {
      for (int token = 0; token < numTokens; token++) {
        for (int head = 0; head < numKvHeads; head++) {
          here.attendToken(layer, spec, rows, token, new HeadRange(head, head + 1));
        }
      }
    }
    there.attend(
        layer,
        spec,
        new AttentionRows(queries.rows(), Rows.of(expected), Rows.of(expectedLse)),
        new Workers(ForkJoinPool.commonPool(), Runtime.getRuntime().availableProcessors()));
    // Rows of 16 bits round queries and output, whatever the pool holds.
    double bound =
        Math.max(
            Math.max(bound(shapeOfLayer.keyDType()), bound(shapeOfLayer.valueDType())),
            bound(form.dtype()));
    String where = what + ", layer " + layer;
    assertThat(difference(output.toArray(numTokens), expected, 0)).as(where).isLessThan(bound);
    // An LSE may be near 0, so that its own size is no measure.
    double leastNorm = Math.sqrt(expectedLse.length);
    assertThat(difference(lse.toArray(numTokens), expectedLse, leastNorm))
        .as("LSE of " + where)
        .isLessThan(bound);
  }

  private TypedRows rows(int numRows, int width) {
    TypedRows rows = new TypedRows(form, numRows, width);
    for (int row = 0; row < numRows; row++) {
      for (int i = 0; i < width; i++) {
        rows.set(row, i, (float) random.nextGaussian());
      }
    }
    return rows;
  }

  private static TypedRows poisoned(TypedRows.Form form, int numRows, int width) {
    TypedRows rows = new TypedRows(form, numRows, width);
    for (int row = 0; row < numRows; row++) {
      for (int i = 0; i < width; i++) {
        rows.set(row, i, Float.NaN);
      }
    }
    return rows;
  }

  /** Norm of the difference over the norm of what is expected; NaN where a number is missing. */
  static double difference(float[] actual, float[] expected, double leastNorm) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      if (actual[i] == expected[i]) {
        norm += Float.isInfinite(expected[i]) ? 0 : (double) expected[i] * expected[i];
        continue;
      }
      difference += Math.pow((double) actual[i] - expected[i], 2);
      norm += (double) expected[i] * expected[i];
    }
    return difference == 0 ? 0 : Math.sqrt(difference) / Math.max(leastNorm, Math.sqrt(norm));
  }

  /** Takes every block once and gives them back in a random order. */
  void shuffleBlocks() {
    int numBlocks = scalar.statistics().blocks().numBlocks();
    List<Pair> holders = new ArrayList<>();
    for (int i = 0; i < numBlocks; i++) {
      holders.add(open());
    }
    int blockSize = shape.blockSize();
    for (Pair holder : holders) {
      for (PagedKvCache cache : List.of(device, scalar)) {
        try (Step step = cache.newStep()) {
          step.append(cache == device ? holder.device : holder.scalar, blockSize).begin();
          for (int layer = 0; layer < shape.numLayers(); layer++) {
            LayerShape of = shape.layer(layer);
            float[] k = new float[blockSize * of.numKvHeads() * of.keyHeadDim()];
            float[] v = new float[blockSize * of.numKvHeads() * of.valueHeadDim()];
            Arrays.fill(k, Float.NaN);
            Arrays.fill(v, Float.NaN);
            step.write(layer, Rows.of(k), Rows.of(v));
          }
          step.commit();
        }
      }
    }
    while (!holders.isEmpty()) {
      holders.remove(random.nextInt(holders.size())).close();
    }
  }

  @Override
  public void close() {
    device.closeAll();
    scalar.closeAll();
  }
}
