package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixBlocks;
import dev.pagoda.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HostTierTest {
  private final BlockPatterns cache = new BlockPatterns(16);
  private final Below below = new Below();
  private final HostTier tier = HostTier.over(HostStorage.allocate(BlockPatterns.LAYOUT, 4), below);

  /** Remembers what came, looks at its content, and gives it back. */
  private static final class Below implements LowerTier {
    final Set<PrefixBlock> blocks = ConcurrentHashMap.newKeySet();
    final List<Long> order = new ArrayList<>();
    boolean fails;
    boolean keeps = true;

    private static long number(PrefixBlock block) {
      return LongStream.range(0, 1000)
          .filter(n -> BlockPatterns.block(n).equals(block))
          .findFirst()
          .orElseThrow();
    }

    @Override
    public boolean contains(PrefixBlock block) {
      return blocks.contains(block);
    }

    @Override
    public int load(List<PrefixBlock> wanted, KvStorage storage, int[] blockIds) {
      int n = 0;
      try (BlockPatterns own = new BlockPatterns(1)) {
        while (n < wanted.size() && blocks.contains(wanted.get(n))) {
          own.fill(0, number(wanted.get(n)));
          storage.copyIn(own.storage(), new int[] {0}, new int[] {blockIds[n]}, 1);
          n++;
        }
      }
      return n;
    }

    @Override
    public synchronized void evicted(List<PrefixBlock> given, KvStorage storage, int[] blockIds) {
      if (fails) {
        throw new IllegalStateException("planted");
      }
      try (BlockPatterns own = new BlockPatterns(1)) {
        for (int i = 0; i < blockIds.length; i++) {
          storage.copyOut(new int[] {blockIds[i]}, own.storage(), new int[] {0}, 1);
          long number = number(given.get(i));
          assertThat(own.holds(0, number)).as("content of %s", given.get(i)).isTrue();
          order.add(number);
          if (keeps) {
            blocks.add(given.get(i));
          }
        }
      }
    }
  }

  @AfterEach
  void close() {
    tier.checkConservation();
    tier.close();
    cache.close();
  }

  private void give(long... numbers) {
    int[] ids = IntStream.range(0, numbers.length).toArray();
    for (int id : ids) {
      cache.fill(id, numbers[id]);
    }
    tier.evicted(
        LongStream.of(numbers).mapToObj(BlockPatterns::block).toList(), cache.storage(), ids);
    tier.checkConservation();
  }

  private int load(long... numbers) {
    int[] ids = IntStream.range(8, 8 + numbers.length).toArray();
    int loaded =
        tier.load(
            LongStream.of(numbers).mapToObj(BlockPatterns::block).toList(), cache.storage(), ids);
    for (int i = 0; i < loaded; i++) {
      assertThat(cache.holds(ids[i], numbers[i])).as("block %s", numbers[i]).isTrue();
    }
    tier.checkConservation();
    return loaded;
  }

  @Test
  void whatWasGivenComesBack() {
    give(1, 2, 3);

    assertThat(load(1, 2, 3)).isEqualTo(3);
    assertThat(load(3)).isEqualTo(1);
    assertThat(load(2, 9, 3)).as("up to the first that is missing").isEqualTo(1);
    assertThat(load(9, 1)).isZero();
    assertThat(tier.statistics().numHits()).isEqualTo(5);
  }

  @Test
  void theEndOfTheLeastRecentlyUsedGoesFirst() {
    give(1, 2);
    give(11, 12);
    load(1, 2);
    give(21);
    assertThat(below.order).containsExactly(12L);
    give(22);
    assertThat(below.order).containsExactly(12L, 11L);
    give(23);
    assertThat(below.order).containsExactly(12L, 11L, 2L);
  }

  @Test
  void whatIsGivenAgainIsOnlyTouched() {
    give(1, 2, 3, 4);
    give(4);
    give(5, 6, 7);

    assertThat(below.order).containsExactlyInAnyOrder(1L, 2L, 3L);
    assertThat(load(4)).isEqualTo(1);
    assertThat(tier.statistics().numStored()).isEqualTo(7);
  }

  @Test
  void aChainIsLoadedFromBothTiers() {
    give(1, 2, 3, 4);
    give(5, 6);
    assertThat(below.order).as("4 and 3 went down").containsExactlyInAnyOrder(4L, 3L);
    below.keeps = false;

    assertThat(load(1, 2, 3, 4, 5, 6)).isEqualTo(6);
    assertThat(load(3, 4, 9)).isEqualTo(2);
  }

  @Test
  void moreThanItHoldsPassesThrough() {
    give(1, 2, 3, 4, 5, 6, 7);

    assertThat(below.blocks).hasSize(3);
    assertThat(load(1, 2, 3, 4, 5, 6, 7)).isEqualTo(7);
  }

  @Test
  void aFailureBelowCostsBlocksAndNothingElse() {
    below.fails = true;
    give(1, 2, 3, 4);
    give(5, 6);

    assertThat(load(5, 6)).isEqualTo(2);
    assertThat(tier.statistics().numFailures()).isEqualTo(1);
    below.fails = false;
  }

  @Test
  void aCopyThatFailsLeavesTheSlotsFree() {
    BlockPatterns gone = new BlockPatterns(2);
    gone.close();
    assertThatIllegalStateException()
        .isThrownBy(
            () -> tier.evicted(List.of(BlockPatterns.block(1)), gone.storage(), new int[] {0}));
    tier.checkConservation();
    assertThat(tier.statistics().numBlocks()).isZero();

    give(1);
    assertThatThrownBy(
            () -> tier.load(List.of(BlockPatterns.block(1)), gone.storage(), new int[] {0}))
        .isInstanceOf(IllegalStateException.class);
    assertThat(tier.statistics().numHits()).isZero();
    assertThat(load(1)).isEqualTo(1);
  }

  @Test
  void equalKeysWithOtherTokensAreAMiss() {
    give(1);
    PrefixBlock impostor = PrefixBlocks.impostor(BlockPatterns.block(1));

    assertThat(tier.contains(impostor)).isFalse();
    assertThat(tier.load(List.of(impostor), cache.storage(), new int[] {0})).isZero();
  }

  @Test
  void spillingKeepsWhatIsHere() {
    give(1, 2);
    tier.spill();

    assertThat(below.order).containsExactlyInAnyOrder(1L, 2L);
    assertThat(tier.statistics().numBlocks()).isEqualTo(2);
    tier.clear();
    assertThat(tier.statistics().numBlocks()).isZero();
  }

  @Test
  void manyThreadsNeverSeeAnothersBlock() throws Exception {
    long seed = System.nanoTime();
    Set<Throwable> failures = ConcurrentHashMap.newKeySet();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      RandomGenerator random = Seeds.generator(seed, "thread " + t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try (BlockPatterns own = new BlockPatterns(4)) {
                  churn(own, random);
                } catch (Throwable failure) {
                  failures.add(failure);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).as("seed=%s", seed).isEmpty();
  }

  private void churn(BlockPatterns own, RandomGenerator random) {
    for (int i = 0; i < 2_000; i++) {
      int count = random.nextInt(1, 4);
      long first = random.nextInt(12);
      int[] ids = IntStream.range(0, count).toArray();
      List<PrefixBlock> blocks =
          LongStream.range(first, first + count).mapToObj(BlockPatterns::block).toList();
      if (random.nextBoolean()) {
        for (int id : ids) {
          own.fill(id, first + id);
        }
        tier.evicted(blocks, own.storage(), ids);
      } else {
        int loaded = tier.load(blocks, own.storage(), ids);
        for (int id = 0; id < loaded; id++) {
          assertThat(own.holds(id, first + id)).isTrue();
        }
      }
    }
  }

  @Test
  void misuseIsRefused() {
    HostTier other = HostTier.over(HostStorage.allocate(BlockPatterns.LAYOUT, 1), LowerTier.NONE);
    other.close();
    assertThatIllegalStateException().isThrownBy(other::close);
    assertThatIllegalStateException()
        .isThrownBy(() -> {
          HostStorage storage = cache.storage();
          other.load(List.of(BlockPatterns.block(1)), storage, new int[] {0});
        });
  }
}
