package dev.pagoda.lab.attention;

import dev.pagoda.layout.LayerShape;
import java.util.Random;

/**
 * The attention layer of a transformer: projects hidden states to queries, keys and values,
 * attends, and projects back. The weights are random, so what it computes means nothing, but it
 * costs what a real one costs and is the same over any {@link SequenceBatch}.
 *
 * <p>Footprint: weights, {@code hiddenSize * (2 * numQueryHeads * headDim + 2 * numKvHeads *
 * headDim) * 4} bytes where keys and values have one head dim. For one thread at a time.
 */
public final class AttentionLayer {
  /** Hidden size of the layer in the PagedAttention notebook. */
  public static final int NOTEBOOK_HIDDEN_SIZE = 512;

  private final int hiddenSize;
  private final int numQueryHeads;
  private final LayerShape shape;
  private final float[] queryWeights;
  private final float[] keyWeights;
  private final float[] valueWeights;
  private final float[] outputWeights;

  /**
   * A layer with random weights.
   *
   * @param hiddenSize elements per hidden state
   * @param numQueryHeads query heads
   * @param shape KV heads and head dims
   * @param seed of the weights
   */
  public AttentionLayer(int hiddenSize, int numQueryHeads, LayerShape shape, long seed) {
    this.hiddenSize = hiddenSize;
    this.numQueryHeads = numQueryHeads;
    this.shape = shape;
    Random random = new Random(seed);
    queryWeights = weights(hiddenSize, queryWidth(), random);
    keyWeights = weights(hiddenSize, keyWidth(), random);
    valueWeights = weights(hiddenSize, valueWidth(), random);
    outputWeights = weights(outputWidth(), hiddenSize, random);
  }

  /** Scaled so that what comes out is about as large as what went in. */
  private static float[] weights(int numRows, int numColumns, Random random) {
    float[] weights = new float[numRows * numColumns];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) (random.nextGaussian() / Math.sqrt(numRows));
    }
    return weights;
  }

  /**
   * One pass.
   *
   * @param hidden {@code [numSequences * queryLength, hiddenSize]}, sequence after sequence
   * @param queryLength new tokens of each sequence
   * @param batch their sequences, which grow by the tokens
   * @return {@code [numSequences * queryLength, hiddenSize]}
   */
  public float[] forward(float[] hidden, int queryLength, SequenceBatch batch) {
    int numTokens = batch.numSequences() * queryLength;
    TokenRows rows = TokenRows.allocate(numTokens, numQueryHeads, shape);
    project(hidden, hiddenSize, queryWeights, queryWidth(), rows.queries(), numTokens);
    project(hidden, hiddenSize, keyWeights, keyWidth(), rows.keys(), numTokens);
    project(hidden, hiddenSize, valueWeights, valueWidth(), rows.values(), numTokens);
    batch.forward(queryLength, rows);
    float[] result = new float[numTokens * hiddenSize];
    project(rows.output(), outputWidth(), outputWeights, hiddenSize, result, numTokens);
    return result;
  }

  /** {@code target = source * weights}, rows first; BLAS reads each as its transpose. */
  private void project(
      float[] source,
      int sourceWidth,
      float[] weights,
      int targetWidth,
      float[] target,
      int numTokens) {
    PureJavaBlas.INSTANCE.sgemm(
        "N",
        "N",
        targetWidth,
        numTokens,
        sourceWidth,
        1f,
        weights,
        targetWidth,
        source,
        sourceWidth,
        0f,
        target,
        targetWidth);
  }

  private int queryWidth() {
    return numQueryHeads * shape.keyHeadDim();
  }

  private int keyWidth() {
    return shape.numKvHeads() * shape.keyHeadDim();
  }

  private int valueWidth() {
    return shape.numKvHeads() * shape.valueHeadDim();
  }

  private int outputWidth() {
    return numQueryHeads * shape.valueHeadDim();
  }
}
