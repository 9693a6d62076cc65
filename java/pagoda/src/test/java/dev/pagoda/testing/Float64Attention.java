package dev.pagoda.testing;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.testing.AttentionCase.SequenceShape;

/**
 * Attention as the textbook writes it, in {@code double}, with a bound on how far an FP32
 * computation may be from it. Shares nothing with the library but the rules of the mask.
 */
public final class Float64Attention {
  /** Half the distance from 1 to the next FP32 number. */
  private static final double ROUNDING = 0x1p-24;

  /**
   * How many standard deviations of accumulated rounding are let pass. Rounding errors are taken as
   * independent, so that n of them add up to sqrt(n) (Higham and Mary, SIAM J. Sci. Comput. 2019),
   * and 10^6 outputs per run are to stay below the bound.
   */
  private static final double SAFETY = 8;

  /** [numTokens, numQueryHeads * valueDim]. */
  final double[] output;

  /** [numTokens, numQueryHeads]. */
  final double[] lse;

  /** Bounds on the difference, in the shapes of {@link #output} and {@link #lse}. */
  final double[] outputTolerance;

  final double[] lseTolerance;

  private final PagedInputs inputs;
  private final AttentionCase shape;
  private final AttentionSpec spec;

  private Float64Attention(PagedInputs inputs) {
    this.inputs = inputs;
    shape = inputs.shape();
    spec = shape.spec();
    int numRows = shape.numTokens() * shape.numQueryHeads();
    output = new double[numRows * shape.valueDim()];
    outputTolerance = new double[output.length];
    lse = new double[numRows];
    lseTolerance = new double[numRows];
  }

  /** Computes every row of the case. */
  public static Float64Attention of(PagedInputs inputs) {
    Float64Attention attention = new Float64Attention(inputs);
    int token = 0;
    for (int s = 0; s < attention.shape.sequences().size(); s++) {
      SequenceShape sequence = attention.shape.sequences().get(s);
      for (int i = 0; i < sequence.queryLength(); i++) {
        int position = sequence.contextLength() - sequence.queryLength() + i;
        for (int head = 0; head < attention.shape.numQueryHeads(); head++) {
          attention.row(s, token, position, head);
        }
        token++;
      }
    }
    return attention;
  }

  private void row(int s, int token, int position, int head) {
    int contextLength = shape.sequences().get(s).contextLength();
    int window = spec.mask().windowTokens();
    int first = window == 0 ? 0 : Math.max(0, position - window + 1);
    int end = spec.mask().causal() ? position + 1 : contextLength;
    int numVisible = Math.max(0, end - first);
    int kvHead = head / shape.groupSize();
    int keyDim = shape.keyDim();
    int valueDim = shape.valueDim();
    float[] keys = inputs.keys(s);
    float[] values = inputs.values(s);

    double[] scores = new double[numVisible];
    double scoreError = 0;
    double max = spec.hasSinks() ? spec.sink(head) : Double.NEGATIVE_INFINITY;
    for (int j = first; j < end; j++) {
      int keyStart = (j * shape.numKvHeads() + kvHead) * keyDim;
      double dot = 0;
      double magnitude = 0;
      for (int d = 0; d < keyDim; d++) {
        double product =
            (double) inputs.queries().get(token, head * keyDim + d) * keys[keyStart + d];
        dot += product;
        magnitude += Math.abs(product);
      }
      double score = spec.softmaxScale() * dot;
      // The product chain rounds keyDim times, each time to no more than its magnitude so far.
      double error = SAFETY * ROUNDING * Math.sqrt(keyDim) * spec.softmaxScale() * magnitude;
      if (spec.logitSoftCap() > 0) {
        double cap = spec.logitSoftCap();
        score = cap * Math.tanh(score / cap);
        error += 8 * ROUNDING * Math.abs(score);
      }
      if (spec.hasAlibiSlopes()) {
        score += (double) spec.alibiSlope(head) * (j - position);
      }
      // Scaling, the bias and the difference to the maximum round once or twice each.
      error += 4 * ROUNDING * Math.abs(score);
      scores[j - first] = score;
      scoreError = Math.max(scoreError, error);
      max = Math.max(max, score);
    }
    double sum = spec.hasSinks() ? Math.exp(spec.sink(head) - max) : 0;
    for (double score : scores) {
      sum += Math.exp(score - max);
    }

    int row = token * shape.numQueryHeads() + head;
    lse[row] = sum == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
    // Weights are off by the error of a score and of the maximum, and by 4 roundings of exp; sums
    // of
    // numVisible of them by their rounding.
    double weightError = 2 * scoreError + ROUNDING * (4 + SAFETY * Math.sqrt(numVisible));
    lseTolerance[row] = weightError + 2 * ROUNDING * Math.abs(lse[row]);
    for (int e = 0; e < valueDim; e++) {
      double sumOfValues = 0;
      double magnitude = 0;
      for (int j = first; j < end; j++) {
        double weight = Math.exp(scores[j - first] - max) / sum;
        double value = values[(j * shape.numKvHeads() + kvHead) * valueDim + e];
        sumOfValues += weight * value;
        magnitude += weight * Math.abs(value);
      }
      int element = row * valueDim + e;
      output[element] = sumOfValues;
      outputTolerance[element] =
          2 * weightError * magnitude + storing(inputs.shape().rowForm().dtype(), sumOfValues);
    }
  }

  /** Half a unit in the last place of a type, with room for a neighbour's rounding. */
  private static double storing(DType dtype, double value) {
    return switch (dtype) {
      case FP32 -> 2 * ROUNDING * Math.abs(value) + Float.MIN_NORMAL;
      case FP16 -> 1.01 * 0x1p-11 * Math.abs(value) + 0x1p-24;
      case BF16 -> 1.01 * 0x1p-8 * Math.abs(value) + Float.MIN_NORMAL;
    };
  }
}
