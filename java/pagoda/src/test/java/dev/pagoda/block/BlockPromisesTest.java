package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class BlockPromisesTest {
  private final BlockPool pool = new BlockPool(4);
  private final BlockPromises promises = pool.promises();

  @Test
  void whatIsPromisedNobodyElseCanAllocate() {
    assertThat(promises.tryReserve(3)).isTrue();
    assertThat(pool.numFree()).isEqualTo(4);
    assertThat(pool.numAvailable()).isEqualTo(1);

    long[] handles = new long[4];
    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> pool.allocate(handles, 0, 2));
    assertThat(pool.allocate(handles, 0, 4, 3)).isZero();
    assertThat(pool.statistics().numReserved()).isZero();
  }

  @Test
  void whatCannotBePromisedWholeIsNotPromisedAtAll() {
    assertThat(promises.tryReserve(3)).isTrue();
    assertThat(promises.tryReserve(2)).isFalse();
    assertThat(pool.statistics().numReserved()).isEqualTo(3);
    assertThat(promises.tryReserve(1)).isTrue();
    assertThat(promises.tryReserve(0)).isTrue();
  }

  @Test
  void whatIsReleasedIsPromisedAgainAsFarAsItBecameFree() {
    long[] handles = new long[3];
    pool.allocate(handles, 0, 3);
    pool.retain(handles, 0, 1);

    assertThat(pool.release(handles, 0, 3, 9)).isEqualTo(2);
    assertThat(pool.statistics().numReserved()).isEqualTo(2);
    assertThat(pool.numAvailable()).isEqualTo(1);
  }

  @Test
  void moreThanIsPromisedIsNeitherUsedNorTakenBack() {
    assertThat(promises.tryReserve(1)).isTrue();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> promises.unreserve(2))
        .withMessageEndingWith("numReserved=1, count=2");
    assertThatIllegalArgumentException().isThrownBy(() -> promises.unreserve(-1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pool.allocate(new long[2], 0, 2, 2))
        .withMessageEndingWith("numReserved=1, numPromised=2");
    promises.unreserve(1);
    assertThat(pool.numAvailable()).isEqualTo(4);
  }

  @Test
  void aPromiseOfAClosedPoolIsTakenBackWithoutEffect() {
    assertThat(promises.tryReserve(1)).isTrue();
    pool.close();
    promises.unreserve(1);
    assertThat(pool.numFree()).isEqualTo(4);
  }
}
