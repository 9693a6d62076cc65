package dev.pagoda.prefix;

import static dev.pagoda.prefix.ChatCache.tokens;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.KvStorage;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every call that a prefix cache makes to its key encoding, its order, its tier and its listeners
 * fails in turn: the first, the second, and so on until none is left to fail. Hits, misses, partial
 * hits, publishing by hand and at commit, pins, evictions and loads go on all the same, or throw,
 * hold nothing, and succeed when tried again.
 */
@Tag("any-backend")
class PrefixFailureTest {
  private static final int NUM_BLOCKS = 7;
  private static final int BLOCK_SIZE = 4;
  private static final Namespace ANNA = Namespace.of("anna");
  private static final int[] PROMPT = tokens(1, 13);

  /** What fails. */
  private enum Manner {
    /** An exception, once. */
    EXCEPTION,
    /** What a heap that is full throws, once. */
    OUT_OF_MEMORY
  }

  /** Planted; nothing else throws it. */
  private static final class Planted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Planted(String site) {
      super("planted in " + site);
    }
  }

  private static final class Sites {
    private final int failing;
    private final Manner manner;
    private int passed;

    Sites(int failing, Manner manner) {
      this.failing = failing;
      this.manner = manner;
    }

    void pass(String site) {
      passed++;
      if (passed == failing) {
        switch (manner) {
          case EXCEPTION -> throw new Planted(site);
          case OUT_OF_MEMORY -> throw new OutOfMemoryError("planted in " + site);
        }
      }
    }

    boolean fired() {
      return passed >= failing;
    }
  }

  private static final class FailingEncoding extends KeyEncoding {
    private final KeyEncoding right;
    private final Sites sites;

    FailingEncoding(KeyEncoding right, Sites sites) {
      super(right);
      this.right = right;
      this.sites = sites;
    }

    @Override
    KeyEncoding copy() {
      return new FailingEncoding(right, sites);
    }

    @Override
    BlockKey hash(byte[] bytes) {
      sites.pass("hash");
      return super.hash(bytes);
    }
  }

  private static final class FailingOrder extends RetentionOrder {
    private final Sites sites;

    FailingOrder(RetentionOrder right, Sites sites) {
      super(right);
      this.sites = sites;
    }

    @Override
    boolean admit(int blockId, Tenant tenant, Retention retention) {
      sites.pass("admit");
      return super.admit(blockId, tenant, retention);
    }

    @Override
    void raise(int[] blockIds, int count, Retention retention, int hits) {
      sites.pass("raise");
      super.raise(blockIds, count, retention, hits);
    }
  }

  /** Tiers and listeners are others' code, whose exceptions count; errors are the JVM's. */
  private record FailingTier(HeapTier right, Sites sites) implements LowerTier {
    private void pass(String site) {
      if (sites.manner == Manner.EXCEPTION) {
        sites.pass(site);
      }
    }

    @Override
    public boolean contains(PrefixBlock block) {
      pass("contains");
      return right.contains(block);
    }

    @Override
    public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      pass("load");
      return right.load(blocks, storage, blockIds);
    }

    @Override
    public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      pass("evicted");
      right.evicted(blocks, storage, blockIds);
    }

    @Override
    public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      pass("stored");
    }
  }

  private static class Trial implements AutoCloseable {
    final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, NUM_BLOCKS);
    final PagedKvCache cache = memory.cache();
    final PrefixCache prefixes;

    Trial(Sites sites) {
      FailingTier tier = new FailingTier(new HeapTier(), sites);
      PrefixSettings settings = PrefixSettings.of("model").withTier(tier);
      PrefixCache.Parts right = PrefixCache.Parts.of(cache, settings, System::nanoTime);
      prefixes =
          new PrefixCache(
              cache,
              settings,
              new PrefixCache.Parts(
                  new FailingEncoding(right.encoding(), sites),
                  right.index(),
                  new FailingOrder(right.order(), sites)));
      prefixes.addListener(
          new PrefixListener() {
            @Override
            public void stored(long number, PrefixBlock block) {
              if (sites.manner == Manner.EXCEPTION) {
                sites.pass("listener");
              }
            }
          });
    }

    /** Whatever it throws, nobody owns more than before, and it can be tried again. */
    <T> T attempt(Supplier<T> operation) {
      int numUsed = memory.numUsed();
      int numSequences = cache.statistics().numSequences();
      try {
        return operation.get();
      } catch (Planted | OutOfMemoryError planted) {
        assertThat(planted).hasMessageStartingWith("planted");
        assertThat(memory.numUsed()).as(planted.getMessage()).isEqualTo(numUsed);
        assertThat(cache.statistics().numSequences())
            .as(planted.getMessage())
            .isEqualTo(numSequences);
        prefixes.checkConservation();
        cache.checkConservation();
        return operation.get();
      }
    }

    TokenSequence open(int... prompt) {
      return attempt(() -> prefixes.open(prompt, ANNA));
    }

    /** What is committed is committed, whatever becomes of the sharing. */
    void compute(TokenSequence chat) {
      int[] ids = chat.tokenIds();
      int[] missing = Arrays.copyOfRange(ids, chat.length(), ids.length);
      try {
        memory.append(chat.sequence(), missing);
      } catch (OutOfMemoryError planted) {
        assertThat(planted).hasMessageStartingWith("planted");
      }
      assertThat(chat.length()).isEqualTo(ids.length);
      assertThat(chat.sequence().isIdle()).isTrue();
      requireContent(chat);
      prefixes.checkConservation();
    }

    void requireContent(TokenSequence chat) {
      assertThat(memory.tokensOf(chat.sequence()))
          .isEqualTo(Arrays.copyOf(chat.tokenIds(), chat.length()));
    }

    void visit(int... prompt) {
      try (TokenSequence chat = open(prompt)) {
        requireContent(chat);
        compute(chat);
      }
    }

    @Override
    public void close() {
      assertThat(memory.numUsed()).as("nothing leaks").isZero();
      assertThat(cache.statistics().numSequences()).isZero();
      prefixes.checkConservation();
      cache.checkConservation();
      prefixes.close();
      memory.close();
    }
  }

  private static void workload(Trial t) {
    t.visit(PROMPT);
    t.visit(PROMPT);
    t.visit(ChatCache.concat(tokens(1, 6), tokens(50, 3)));
    try (KvSequence own = t.memory.sequence(tokens(70, 8))) {
      t.attempt(() -> t.prefixes.publish(own, tokens(70, 8), ANNA));
    }
    PrefixMatch match = t.attempt(() -> t.prefixes.probe(tokens(70, 8), ANNA));
    assertThat(match.cachedTokens()).isPositive();
    t.attempt(() -> t.prefixes.pin(tokens(70, 8), ANNA, Duration.ofHours(1)));
    t.attempt(() -> t.prefixes.unpin(tokens(70, 8), ANNA));
    try (KvSequence greedy = t.cache.newSequence()) {
      int available = t.cache.statistics().blocks().numAvailable();
      t.memory.append(greedy, tokens(1, available * BLOCK_SIZE));
    }
    t.visit(PROMPT);
    t.attempt(() -> t.prefixes.remove(PROMPT, ANNA));
    t.visit(PROMPT);
  }

  /** Returns whether there was a site to fail. */
  private static boolean run(Sites sites) {
    try (Trial trial = new Trial(sites)) {
      workload(trial);
    }
    return sites.fired();
  }

  @ParameterizedTest
  @EnumSource
  void whateverFailsNothingIsLostAndItSucceedsWhenTriedAgain(Manner manner) {
    int failing = 1;
    while (run(new Sites(failing, manner))) {
      failing++;
    }
    assertThat(failing).as("sites that failed").isGreaterThan(20);
  }

  @Test
  void anOpenThatKeepsItsBlocksWhenItFailsIsFound() {
    Sites never = new Sites(Integer.MAX_VALUE, Manner.EXCEPTION);
    Trial trial = new Trial(never);
    trial.visit(PROMPT);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() ->
            trial.attempt(() -> {
              var _ = trial.prefixes.open(PROMPT, ANNA); // kept by nobody
              throw new Planted("open");
            }))
        .withMessageContaining("planted in open");
    trial.memory.close();
  }
}
