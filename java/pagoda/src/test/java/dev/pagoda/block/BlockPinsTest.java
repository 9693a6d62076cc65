package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

class BlockPinsTest {
  private final BlockPool pool = new BlockPool(4);
  private final BlockPins pins = pool.pins();
  private final long[] pair = new long[2];

  BlockPinsTest() {
    pool.allocate(pair, 0, 2);
  }

  @Test
  void aPinnedBlockWithoutOwnersIsInFlightAndBecomesFreeWithItsLastPin() {
    pins.pin(pair, 0, 2);
    pins.pin(pair, 0, 1);
    assertThat(pool.release(pair, 0, 2)).isZero();
    assertThat(pool.statistics().numInFlight()).isEqualTo(2);

    assertThat(pins.unpin(pair, 0, 2)).isEqualTo(1);
    assertThat(pool.statistics().numInFlight()).isEqualTo(1);
    pool.checkConservation();
    assertThat(pins.unpin(pair, 0, 1)).isEqualTo(1);
    assertThat(pool.numFree()).isEqualTo(4);
    pool.close();
  }

  @Test
  void aPinOfAnOwnedBlockChangesNothingForItsOwners() {
    pins.pin(pair, 0, 1);
    assertThat(pool.isWritable(pair[0])).isTrue();
    assertThat(pins.unpin(pair, 0, 1)).isZero();
    assertThat(pool.release(pair[0])).isTrue();
  }

  @Test
  void refusalsChangeNothing() {
    pool.release(pair[1]);
    assertThatIllegalStateException().isThrownBy(() -> pins.pin(pair, 0, 2));
    assertThatIllegalStateException()
        .isThrownBy(() -> pins.unpin(pair, 0, 1))
        .withMessageContaining("nobody pins the block");

    pins.pin(pair, 0, 1);
    long[] twice = {pair[0], pair[0]};
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pins.unpin(twice, 0, 2))
        .withMessageContaining("twice");
    assertThat(pool.release(pair[0])).isFalse();
    assertThat(pool.statistics().numInFlight()).isEqualTo(1);
    assertThatIllegalStateException()
        .isThrownBy(pool::close)
        .withMessageContaining("numInFlight=1");
  }
}
