package dev.pagoda.lab.experiment;

import dev.pagoda.layout.DType;
import java.util.List;

/**
 * How the paged computation compares with others.
 *
 * @param layers a whole attention layer, paged against vanilla
 * @param precisions attention alone, each implementation against float64
 * @param claims what should be the same to the bit
 */
record CorrectnessResult(List<Layer> layers, List<Precision> precisions, List<BitClaim> claims) {
  /** Copies the lists. */
  CorrectnessResult {
    layers = List.copyOf(layers);
    precisions = List.copyOf(precisions);
    claims = List.copyOf(claims);
  }

  /**
   * An attention layer with projections.
   *
   * @param shape heads and head dim in words
   * @param blockSize tokens per block
   * @param dtype element type in the cache; vanilla attention keeps FP32
   */
  record LayerCase(String shape, int blockSize, DType dtype) {
    /**
     * What rounding explains, relative to the largest output. FP32: sums of a few hundred products,
     * each rounded by 2^-24, twice over (scores and values) and through an exponential; 2^-17
     * leaves room for a hundredfold. FP16 and BF16: each key and value is rounded by 2^-12 or 2^-9
     * of itself, and a score adds up as many such errors as a key has elements; 16 times that.
     */
    double bound() {
      return switch (dtype) {
        case FP32 -> 0x1p-17;
        case FP16 -> 0x1p-8;
        case BF16 -> 0x1p-5;
      };
    }
  }

  /**
   * A layer that was prefilled and decoded.
   *
   * @param layerCase which one
   * @param backend what computed the paged attention
   * @param difference from the layer over vanilla attention
   */
  record Layer(LayerCase layerCase, String backend, Difference difference) {
    boolean holds() {
      return difference.relative() <= layerCase.bound();
    }
  }

  /**
   * Attention without projections, in FP32.
   *
   * @param implementation what computed
   * @param difference from float64
   */
  record Precision(String implementation, Difference difference) {}

  /**
   * Two computations that should give the same bits.
   *
   * @param claim which ones
   * @param difference between them
   */
  record BitClaim(String claim, Difference difference) {
    boolean holds() {
      return difference.numOtherBits() == 0;
    }
  }

  boolean holds() {
    return layers.stream().allMatch(Layer::holds) && claims.stream().allMatch(BitClaim::holds);
  }
}
