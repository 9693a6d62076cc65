package dev.pagoda.testing;

import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * What one attention call is about: a shape, a spec, sequences, and the seed of all numbers. Prints
 * as what is needed to run it again.
 *
 * <p>Set up by the methods that return {@code this}; not changed afterwards.
 */
public final class AttentionCase {
  /** The layer attended; another one before it has a different shape. */
  public static final int LAYER = 1;

  /** Rows of a sequence in the step, and its tokens with them. */
  public record SequenceShape(int queryLength, int contextLength) {}

  private final long seed;
  private final List<SequenceShape> sequences = new ArrayList<>();
  private int numKvHeads = 2;
  private int groupSize = 1;
  private int keyDim = 16;
  private int valueDim = 16;
  private DType keyDType = DType.FP32;
  private DType valueDType = DType.FP32;
  private int blockSize = 16;
  private KeyOrder keyOrder = KeyOrder.DIM_MAJOR;
  private AttentionMask mask = AttentionMask.CAUSAL;
  private float softCap;
  private boolean hasAlibi;
  private boolean hasSinks;
  private float queryScale = 1f;
  private TypedRows.Form rowForm = TypedRows.Form.ARRAY;
  private boolean wantsLse = true;
  private int specialRarity;

  public AttentionCase(long seed) {
    this.seed = seed;
  }

  public AttentionCase sequence(int queryLength, int contextLength) {
    sequences.add(new SequenceShape(queryLength, contextLength));
    return this;
  }

  public AttentionCase heads(int newNumKvHeads, int newGroupSize) {
    numKvHeads = newNumKvHeads;
    groupSize = newGroupSize;
    return this;
  }

  public AttentionCase headDim(int newHeadDim) {
    return headDims(newHeadDim, newHeadDim);
  }

  public AttentionCase headDims(int newKeyDim, int newValueDim) {
    keyDim = newKeyDim;
    valueDim = newValueDim;
    return this;
  }

  public AttentionCase dtypes(DType newKeyDType, DType newValueDType) {
    keyDType = newKeyDType;
    valueDType = newValueDType;
    return this;
  }

  public AttentionCase blockSize(int newBlockSize) {
    blockSize = newBlockSize;
    return this;
  }

  public AttentionCase keyOrder(KeyOrder newKeyOrder) {
    keyOrder = newKeyOrder;
    return this;
  }

  public AttentionCase mask(AttentionMask newMask) {
    mask = newMask;
    return this;
  }

  public AttentionCase softCap(float newSoftCap) {
    softCap = newSoftCap;
    return this;
  }

  public AttentionCase alibi() {
    hasAlibi = true;
    return this;
  }

  public AttentionCase sinks() {
    hasSinks = true;
    return this;
  }

  /** Factor on the queries: large ones make the softmax pick few positions. */
  public AttentionCase queryScale(float newQueryScale) {
    queryScale = newQueryScale;
    return this;
  }

  /** Form of queries, outputs and LSE; keys and values come in it too. */
  public AttentionCase rowForm(TypedRows.Form newRowForm) {
    rowForm = newRowForm;
    return this;
  }

  public AttentionCase withoutLse() {
    wantsLse = false;
    return this;
  }

  /**
   * One number in so many of queries, keys and values, on average, is NaN, infinite, zero, or the
   * largest or smallest of its kind; 0: none is, on purpose.
   */
  public AttentionCase specialNumberIn(int rarity) {
    specialRarity = rarity;
    return this;
  }

  public int specialRarity() {
    return specialRarity;
  }

  public long seed() {
    return seed;
  }

  public List<SequenceShape> sequences() {
    return sequences;
  }

  public int numKvHeads() {
    return numKvHeads;
  }

  public int groupSize() {
    return groupSize;
  }

  public int numQueryHeads() {
    return numKvHeads * groupSize;
  }

  public int keyDim() {
    return keyDim;
  }

  public int valueDim() {
    return valueDim;
  }

  public int blockSize() {
    return blockSize;
  }

  public float queryScale() {
    return queryScale;
  }

  public TypedRows.Form rowForm() {
    return rowForm;
  }

  public boolean wantsLse() {
    return wantsLse;
  }

  /** Rows of all sequences. */
  public int numTokens() {
    return sequences.stream().mapToInt(SequenceShape::queryLength).sum();
  }

  /** Tokens of all contexts. */
  public int numContextTokens() {
    return sequences.stream().mapToInt(SequenceShape::contextLength).sum();
  }

  public KvLayout layout() {
    LayerShape other = LayerShape.of(1, 3, DType.FP16);
    LayerShape layer = new LayerShape(numKvHeads, keyDim, valueDim, keyDType, valueDType);
    return new KvLayout(new KvShape(List.of(other, layer), blockSize), keyOrder);
  }

  public AttentionSpec spec() {
    AttentionSpec spec =
        AttentionSpec.causal(numQueryHeads(), (float) (1 / Math.sqrt(keyDim)))
            .withMask(mask)
            .withLogitSoftCap(softCap);
    RandomGenerator random = Seeds.generator(seed, "spec");
    if (hasAlibi) {
      spec = spec.withAlibiSlopes(numbers(random, 0.5f));
    }
    if (hasSinks) {
      spec = spec.withSinks(numbers(random, 2f));
    }
    return spec;
  }

  private float[] numbers(RandomGenerator random, float bound) {
    float[] numbers = new float[numQueryHeads()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = random.nextFloat(-bound, bound);
    }
    return numbers;
  }

  @Override
  public String toString() {
    return "seed="
        + seed
        + ", numKvHeads="
        + numKvHeads
        + ", groupSize="
        + groupSize
        + ", headDims="
        + keyDim
        + "/"
        + valueDim
        + ", dtypes="
        + keyDType
        + "/"
        + valueDType
        + ", blockSize="
        + blockSize
        + ", keyOrder="
        + keyOrder
        + ", "
        + mask
        + ", softCap="
        + softCap
        + ", alibi="
        + hasAlibi
        + ", sinks="
        + hasSinks
        + ", queryScale="
        + queryScale
        + ", rows="
        + rowForm
        + ", lse="
        + wantsLse
        + ", specialRarity="
        + specialRarity
        + ", sequences="
        + sequences;
  }
}
