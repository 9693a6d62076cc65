package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KvLayoutTest {
  private static final int BLOCKS = 3;

  @Test
  void everyByteOfThePoolBelongsToOneElementOrToPadding() {
    for (long seed = 0; seed < 300; seed++) {
      KvLayout layout = randomLayout(seed);
      BitSet taken = new BitSet();
      long payloadBytes = 0;
      for (int blockId = 0; blockId < BLOCKS; blockId++) {
        payloadBytes += take(layout, blockId, taken, seed);
      }
      assertThat((long) taken.cardinality()).as("seed=%d", seed).isEqualTo(payloadBytes);
      assertThat((long) taken.length())
          .as("seed=%d", seed)
          .isLessThanOrEqualTo(layout.poolBytes(BLOCKS));
    }
  }

  /** Marks the bytes of each element of a block; an element that meets another fails. */
  private static long take(KvLayout layout, int blockId, BitSet taken, long seed) {
    KvShape shape = layout.shape();
    long bytes = 0;
    for (int layer = 0; layer < shape.numLayers(); layer++) {
      LayerShape l = shape.layer(layer);
      for (int kvHead = 0; kvHead < l.numKvHeads(); kvHead++) {
        for (int slot = 0; slot < shape.blockSize(); slot++) {
          for (int i = 0; i < l.keyHeadDim(); i++) {
            long offset =
                layout.keyTileOffset(blockId, layer, kvHead)
                    + slot * layout.keyTokenStrideBytes(layer)
                    + i * layout.keyDimStrideBytes(layer);
            bytes += take(layout, blockId, offset, l.keyDType(), taken, seed);
          }
          for (int i = 0; i < l.valueHeadDim(); i++) {
            long offset =
                layout.valueTileOffset(blockId, layer, kvHead)
                    + slot * layout.valueTokenStrideBytes(layer)
                    + (long) i * l.valueDType().byteSize();
            bytes += take(layout, blockId, offset, l.valueDType(), taken, seed);
          }
        }
      }
    }
    return bytes;
  }

  private static int take(
      KvLayout layout, int blockId, long offset, DType dtype, BitSet taken, long seed) {
    int first = (int) offset;
    int end = first + dtype.byteSize();
    assertThat(offset)
        .as("seed=%d %s", seed, layout)
        .isGreaterThanOrEqualTo(layout.blockOffset(blockId));
    assertThat((long) end)
        .as("seed=%d %s", seed, layout)
        .isLessThanOrEqualTo(layout.blockOffset(blockId + 1));
    assertThat(offset % dtype.byteSize()).as("seed=%d %s", seed, layout).isZero();
    assertThat(taken.get(first, end).isEmpty())
        .as("seed=%d %s offset=%d", seed, layout, offset)
        .isTrue();
    taken.set(first, end);
    return dtype.byteSize();
  }

  @Test
  void tilesStartOnLinesAndABlockIsTheSumOfItsRoundedTiles() {
    for (long seed = 0; seed < 2_000; seed++) {
      KvLayout layout = randomLayout(seed);
      KvShape shape = layout.shape();
      long expected = 0;
      for (int layer = 0; layer < shape.numLayers(); layer++) {
        LayerShape l = shape.layer(layer);
        long keyTile =
            roundUp64((long) shape.blockSize() * l.keyHeadDim() * l.keyDType().byteSize());
        long valueTile =
            roundUp64((long) shape.blockSize() * l.valueHeadDim() * l.valueDType().byteSize());
        for (int kvHead = 0; kvHead < l.numKvHeads(); kvHead++) {
          long keys = layout.keyTileOffset(1, layer, kvHead);
          long values = layout.valueTileOffset(1, layer, kvHead);
          assertThat(keys % 64).as("seed=%d", seed).isZero();
          assertThat(values % 64).as("seed=%d", seed).isZero();
          assertThat(keys - layout.blockOffset(1)).isEqualTo(expected + kvHead * keyTile);
          assertThat(values - layout.blockOffset(1))
              .isEqualTo(expected + l.numKvHeads() * keyTile + kvHead * valueTile);
        }
        expected += l.numKvHeads() * (keyTile + valueTile);
      }
      assertThat(layout.blockBytes()).as("seed=%d %s", seed, shape).isEqualTo(expected);
      assertThat(layout.blockOffset(7)).isEqualTo(7 * expected);
      assertThat(layout.poolBytes(7)).isEqualTo(7 * expected);
    }
  }

  private static long roundUp64(long bytes) {
    return (bytes + 63) / 64 * 64;
  }

  @ParameterizedTest
  @EnumSource
  void theUsualShapePadsNothing(DType dtype) {
    KvShape shape = KvShape.uniform(32, 8, 128, dtype);

    assertThat(new KvLayout(shape, KeyOrder.DIM_MAJOR).blockBytes())
        .isEqualTo(32L * 8 * 2 * 16 * 128 * dtype.byteSize());
  }

  @Test
  void keysOfATokenAreNeighboursInTokenMajorAndTokensAreInDimMajor() {
    KvShape shape = KvShape.uniform(1, 1, 8, DType.FP16);
    KvLayout tokenMajor = new KvLayout(shape, KeyOrder.TOKEN_MAJOR);
    KvLayout dimMajor = new KvLayout(shape, KeyOrder.DIM_MAJOR);

    assertThat(tokenMajor.keyDimStrideBytes(0)).isEqualTo(2);
    assertThat(tokenMajor.keyTokenStrideBytes(0)).isEqualTo(16);
    assertThat(dimMajor.keyDimStrideBytes(0)).isEqualTo(32);
    assertThat(dimMajor.keyTokenStrideBytes(0)).isEqualTo(2);
    assertThat(tokenMajor.valueTokenStrideBytes(0)).isEqualTo(16);
    assertThat(dimMajor.valueTokenStrideBytes(0)).isEqualTo(16);
  }

  /** Against exact arithmetic, with ids and sizes that overflow 32 bits in every product. */
  @Test
  void offsetsAre64BitFromTheFirstMultiplicationOn() {
    LayerShape layer = new LayerShape(64, 256, 256, DType.FP32, DType.FP32);
    KvLayout layout =
        new KvLayout(new KvShape(Collections.nCopies(80, layer), 256), KeyOrder.DIM_MAJOR);
    BigInteger tile = BigInteger.valueOf(256 * 256 * 4);
    BigInteger block = tile.multiply(BigInteger.valueOf(2 * 64 * 80));
    assertThat(BigInteger.valueOf(layout.blockBytes())).isEqualTo(block);
    assertThat(layout.blockBytes()).isGreaterThan(1L << 31);

    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 10_000; i++) {
      int blockId = random.nextInt(1 << 28, 1 << 29); // the largest offset is just below 2^63
      int layerIndex = random.nextInt(80);
      int kvHead = random.nextInt(64);
      BigInteger keys =
          block
              .multiply(BigInteger.valueOf(blockId))
              .add(tile.multiply(BigInteger.valueOf(layerIndex * 128 + kvHead)));
      BigInteger values = keys.add(tile.multiply(BigInteger.valueOf(64)));
      assertThat(BigInteger.valueOf(layout.keyTileOffset(blockId, layerIndex, kvHead)))
          .isEqualTo(keys);
      assertThat(BigInteger.valueOf(layout.valueTileOffset(blockId, layerIndex, kvHead)))
          .isEqualTo(values);
    }
  }

  @Test
  void smallBlocksAreAddressedBeyond2To31ElementsAnd2To32Bytes() {
    KvLayout layout =
        new KvLayout(KvShape.uniform(1, 1, 1, DType.FP16).withBlockSize(1), KeyOrder.DIM_MAJOR);
    assertThat(layout.blockBytes()).isEqualTo(128);

    int last = Integer.MAX_VALUE - 1;
    assertThat(layout.blockOffset(last)).isEqualTo(128L * last);
    assertThat(layout.keyTileOffset(last, 0, 0)).isEqualTo(128L * last);
    assertThat(layout.valueTileOffset(last, 0, 0)).isEqualTo(128L * last + 64);
    assertThat(layout.poolBytes(Integer.MAX_VALUE)).isEqualTo(128L * Integer.MAX_VALUE);
  }

  @Test
  void aBlockBeyond2To40BytesIsRefusedAndAPoolBeyond2To63Too() {
    LayerShape huge = new LayerShape(1 << 16, 256, 256, DType.FP32, DType.FP32); // 2^35 bytes
    KvShape fits = new KvShape(Collections.nCopies(32, huge), 256);
    KvShape doesNot = new KvShape(Collections.nCopies(33, huge), 256);

    KvLayout largest = new KvLayout(fits, KeyOrder.DIM_MAJOR);
    assertThat(largest.blockBytes()).isEqualTo(1L << 40);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(doesNot, KeyOrder.DIM_MAJOR))
        .withMessageContaining("layer=32");
    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> largest.poolBytes(1L << 23));
  }

  private static KvLayout randomLayout(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<LayerShape> layers = new ArrayList<>();
    int numLayers = random.nextInt(1, 4);
    DType[] dtypes = DType.values();
    for (int i = 0; i < numLayers; i++) {
      layers.add(
          new LayerShape(
              random.nextInt(1, 4),
              random.nextInt(1, 20),
              random.nextInt(1, 20),
              dtypes[random.nextInt(3)],
              dtypes[random.nextInt(3)]));
    }
    KeyOrder order = random.nextBoolean() ? KeyOrder.DIM_MAJOR : KeyOrder.TOKEN_MAJOR;
    return new KvLayout(new KvShape(layers, random.nextInt(1, 20)), order);
  }
}
