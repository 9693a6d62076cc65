package dev.pagoda.tier;

import java.util.ArrayList;
import java.util.List;

/**
 * Fits {@code nanos = a * first + b * second + ...} to measurements, a above 0 and the others at
 * least 0, by least squares of the relative errors.
 *
 * <p>With the few terms there are, every choice of terms is solved, and the best one whose costs
 * are in range is kept; a term counts only if it makes the fit better.
 */
final class CostFit {
  /** Below this share of independence columns count as dependent. */
  private static final double DEPENDENT = 1e-9;

  /** A further term must take away this share of the squared error at least. */
  private static final double WORTHWHILE = 1e-9;

  private final String[] terms;
  // Divided by its time: every sample asks for a sum of 1.
  private final List<double[]> samples = new ArrayList<>();

  CostFit(String... terms) {
    this.terms = terms;
  }

  void add(long nanos, long... counts) {
    double[] row = new double[terms.length];
    for (int i = 0; i < row.length; i++) {
      row[i] = (double) counts[i] / nanos;
    }
    samples.add(row);
  }

  /**
   * The costs, in nanoseconds per unit of each term.
   *
   * @throws IllegalArgumentException if the samples do not determine those of the first two
   */
  double[] solve() {
    if (samples.size() < 2) {
      throw new IllegalArgumentException(
          "two costs need two samples at least: numSamples=" + samples.size());
    }
    double[] firstTwo = solve(0b11);
    if (firstTwo.length == 0) {
      throw new IllegalArgumentException(
          "all samples have the same "
              + terms[0]
              + " per "
              + terms[1]
              + ", which cannot tell the two costs apart: numSamples="
              + samples.size());
    }
    if (!(firstTwo[0] > 0)) {
      throw new IllegalArgumentException(
          "more " + terms[0] + " do not take longer in these samples: nanosPer=" + firstTwo[0]);
    }
    double[] best = {};
    double bestError = Double.POSITIVE_INFINITY;
    for (int numTerms = 1; numTerms <= terms.length; numTerms++) {
      for (int chosen = 1; chosen < 1 << terms.length; chosen += 2) { // the first term always
        if (Integer.bitCount(chosen) == numTerms) {
          double[] costs = solve(chosen);
          if (costs.length > 0
              && inRange(costs)
              && error(costs) < bestError - WORTHWHILE * samples.size()) {
            best = costs;
            bestError = error(costs);
          }
        }
      }
    }
    return best; // at least the first term alone, which is in range
  }

  private static boolean inRange(double[] costs) {
    boolean inRange = costs[0] > 0;
    for (double cost : costs) {
      inRange &= cost >= 0;
    }
    return inRange;
  }

  private double error(double[] costs) {
    double sum = 0;
    for (double[] row : samples) {
      double residual = -1;
      for (int i = 0; i < costs.length; i++) {
        residual += row[i] * costs[i];
      }
      sum += residual * residual;
    }
    return sum;
  }

  /** Least squares with the chosen terms alone; empty if they depend on each other. */
  private double[] solve(int chosen) {
    int[] columns = new int[Integer.bitCount(chosen)];
    for (int i = 0, n = 0; i < terms.length; i++) {
      if ((chosen >> i & 1) == 1) {
        columns[n] = i;
        n++;
      }
    }
    double[] scales = new double[columns.length];
    for (int i = 0; i < columns.length; i++) {
      for (double[] row : samples) {
        scales[i] += row[columns[i]] * row[columns[i]];
      }
      scales[i] = Math.sqrt(scales[i]);
    }
    double[][] normal = new double[columns.length][columns.length + 1];
    for (double[] row : samples) {
      for (int i = 0; i < columns.length; i++) {
        double x = row[columns[i]] / scales[i];
        for (int j = 0; j < columns.length; j++) {
          normal[i][j] += x * row[columns[j]] / scales[j];
        }
        normal[i][columns.length] += x;
      }
    }
    double[] costs = new double[terms.length];
    if (!eliminate(normal)) {
      return new double[0];
    }
    for (int i = 0; i < columns.length; i++) {
      costs[columns[i]] = normal[i][columns.length] / scales[i];
    }
    return costs;
  }

  /** Gauss-Jordan; the last column becomes the solution. The diagonal is 1 before. */
  private static boolean eliminate(double[][] matrix) {
    for (int pivot = 0; pivot < matrix.length; pivot++) {
      // Positive definite, so the diagonal is what is left of independence.
      double divisor = matrix[pivot][pivot];
      if (!(divisor > DEPENDENT)) {
        return false;
      }
      for (int j = 0; j < matrix[pivot].length; j++) {
        matrix[pivot][j] /= divisor;
      }
      for (int i = 0; i < matrix.length; i++) {
        if (i != pivot) {
          double factor = matrix[i][pivot];
          for (int j = 0; j < matrix[i].length; j++) {
            matrix[i][j] -= factor * matrix[pivot][j];
          }
        }
      }
    }
    return true;
  }

  static void requirePositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + name + "=" + value);
    }
  }

  static void requireRate(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " must be finite and above 0: " + name + "=" + value);
    }
  }

  static void requireCost(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " must be finite and at least 0: " + name + "=" + value);
    }
  }
}
