package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

class BlockCachingTest {
  private final BlockPool pool = new BlockPool(4);
  private final BlockCaching caching = pool.caching();
  private final long[] pair = new long[2];

  BlockCachingTest() {
    caching.setIdleOrder(new FirstIdleFirst());
    pool.allocate(pair, 0, 2);
  }

  private void cachePair() {
    assertThat(caching.cache(pair[0])).isTrue();
    assertThat(caching.cache(pair[1])).isTrue();
    assertThat(caching.cache(pair[1])).isFalse();
  }

  @Test
  void aCachedBlockOutlivesItsOwnersAndIsWrittenByNobody() {
    cachePair();
    assertThat(pool.isWritable(pair[0])).isFalse();
    assertThat(pool.release(pair, 0, 2)).isZero();
    assertThat(pool.statistics().numIdle()).isEqualTo(2);
    assertThat(pool.numAvailable()).isEqualTo(4);

    assertThat(caching.adopt(pair, 0, 2, 2)).isEqualTo(2);
    assertThat(pool.referenceCount(pair[0])).isEqualTo(1);
    pool.checkConservation();
  }

  @Test
  void idleBlocksAreGivenUpInTheirOrderAndTheirHandlesEndWithIt() {
    cachePair();
    pool.release(pair, 0, 2);

    long[] handles = new long[3];
    assertThat(pool.allocate(handles, 0, 3)).isEqualTo(1);
    assertThat(BlockHandle.blockId(handles[2])).isEqualTo(1); // released last one first
    assertThat(caching.isCached(pair[0])).isTrue();
    assertThat(caching.isCached(pair[1])).isFalse();
    assertThat(caching.adopt(pair, 0, 2, 0)).isEqualTo(1);
  }

  @Test
  void adoptingCountsIdleHitsAsDemandAndARefusalChangesNothing() {
    cachePair();
    pool.release(pair, 0, 2);
    BlockStatistics before = pool.statistics();

    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> caching.adopt(pair, 0, 2, 3));
    assertThat(pool.statistics().numIdle()).isEqualTo(before.numIdle());
    assertThat(pool.statistics().numReferences()).isEqualTo(before.numReferences());
  }

  @Test
  void whatIsNotCachedAnyMoreBecomesFreeWithItsLastOwner() {
    cachePair();
    pool.release(pair[1]);
    assertThat(caching.uncacheIdle(pair[0])).isFalse();
    assertThat(caching.uncacheIdle(pair[1])).isTrue();
    assertThat(pool.numFree()).isEqualTo(3);
    assertThat(caching.uncache(pair[0])).isTrue();
    assertThat(caching.uncache(pair[0])).isFalse();
    assertThat(pool.release(pair[0])).isTrue();
    pool.close();
  }

  @Test
  void theOrderChangesOnlyWhileNothingIsCached() {
    caching.cache(pair[1]);
    assertThatIllegalStateException()
        .isThrownBy(caching::unsetIdleOrder)
        .withMessageEndingWith("blockId=1");
    caching.uncache(pair[1]);
    caching.unsetIdleOrder();
  }
}
