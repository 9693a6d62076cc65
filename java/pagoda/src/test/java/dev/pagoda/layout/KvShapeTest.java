package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KvShapeTest {
  private final KvShape shape = KvShape.uniform(2, 4, 8, DType.BF16);

  @Test
  void uniformLayersAreEqualAndBlocksHaveTheDefaultSize() {
    assertThat(shape.numLayers()).isEqualTo(2);
    assertThat(shape.layer(0)).isEqualTo(shape.layer(1));
    assertThat(shape.layer(1)).isEqualTo(new LayerShape(4, 8, 8, DType.BF16, DType.BF16));
    assertThat(shape.blockSize()).isEqualTo(KvShape.BLOCK_SIZE_DEFAULT);
    assertThat(shape.withBlockSize(1).blockSize()).isEqualTo(1);
    assertThat(shape.withBlockSize(1).layers()).isEqualTo(shape.layers());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, KvShape.BLOCK_SIZE_MAX + 1, Integer.MIN_VALUE})
  void aBlockSizeOutOfItsRangeIsRefused(int blockSize) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shape.withBlockSize(blockSize))
        .withMessageEndingWith("blockSize=" + blockSize);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void aCacheNeedsALayer(int numLayers) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KvShape.uniform(numLayers, 1, 1, DType.FP32))
        .withMessageEndingWith("numLayers=" + numLayers);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvShape(List.of(), 16))
        .withMessageEndingWith("numLayers=0");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 2, Integer.MAX_VALUE})
  void aLayerThatIsNotThereIsRefused(int layer) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shape.layer(layer))
        .withMessageEndingWith("numLayers=2, layer=" + layer);
  }

  @Test
  void numbersOfALayerOutOfTheirRangeAreRefused() {
    DType dtype = DType.FP32;
    for (int bad : new int[] {0, -1, LayerShape.KV_HEADS_MAX + 1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new LayerShape(bad, 1, 1, dtype, dtype))
          .withMessageEndingWith("numKvHeads=" + bad);
    }
    for (int bad : new int[] {0, -1, LayerShape.HEAD_DIM_MAX + 1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new LayerShape(1, bad, 1, dtype, dtype))
          .withMessageEndingWith("keyHeadDim=" + bad);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new LayerShape(1, 1, bad, dtype, dtype))
          .withMessageEndingWith("valueHeadDim=" + bad);
    }
    assertThatExceptionOfType(NullPointerException.class)
        .isThrownBy(() -> new LayerShape(1, 1, 1, null, dtype));
    assertThatExceptionOfType(NullPointerException.class)
        .isThrownBy(() -> new LayerShape(1, 1, 1, dtype, null));
  }

  @Test
  void blocksForRoundsUpAndRefusesNegativeNumbers() {
    KvShape five = shape.withBlockSize(5);
    assertThat(five.blocksFor(0)).isZero();
    assertThat(five.blocksFor(1)).isEqualTo(1);
    assertThat(five.blocksFor(5)).isEqualTo(1);
    assertThat(five.blocksFor(6)).isEqualTo(2);
    assertThat(five.blocksFor(Integer.MAX_VALUE)).isEqualTo(429496730);
    assertThat(shape.withBlockSize(1).blocksFor(Integer.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> five.blocksFor(-1))
        .withMessageEndingWith("numTokens=-1");
  }

  @Test
  void theListOfLayersIsCopied() {
    List<LayerShape> layers = new ArrayList<>(shape.layers());
    KvShape copied = new KvShape(layers, 16);
    layers.clear();

    assertThat(copied.numLayers()).isEqualTo(2);
  }
}
