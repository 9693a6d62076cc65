package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import org.junit.jupiter.api.Test;

class CapacityTest {
  /** 128 bytes a block. */
  private final KvLayout layout =
      new KvLayout(KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(1), KeyOrder.DIM_MAJOR);

  @Test
  void lessThanOneIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Capacity.blocks(0))
        .withMessageEndingWith("numBlocks=0");
    assertThatIllegalArgumentException().isThrownBy(() -> Capacity.blocks(Integer.MIN_VALUE));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Capacity.bytes(0))
        .withMessageEndingWith("poolBytes=0");
    assertThatIllegalArgumentException().isThrownBy(() -> Capacity.bytes(Long.MIN_VALUE));
    assertThatNullPointerException().isThrownBy(() -> Capacity.within(null));
  }

  @Test
  void bytesHoldAsManyBlocksAsAnIntCanNameAndNoMore() {
    assertThat(new Capacity.Bytes(128).numBlocks(layout)).isEqualTo(1);
    assertThat(new Capacity.Bytes(255).numBlocks(layout)).isEqualTo(1);
    long largest = 128L * Integer.MAX_VALUE;
    assertThat(new Capacity.Bytes(largest + 127).numBlocks(layout)).isEqualTo(Integer.MAX_VALUE);
    for (long bytes : new long[] {1, 127, largest + 128, Long.MAX_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Capacity.Bytes(bytes).numBlocks(layout))
          .withMessageEndingWith("blockBytes=128, poolBytes=" + bytes);
    }
  }
}
