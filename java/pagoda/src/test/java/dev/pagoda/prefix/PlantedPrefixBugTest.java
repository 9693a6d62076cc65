package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.SequenceObserver;
import dev.pagoda.SequenceSurgery;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.prefix.PrefixStories.Faults;
import dev.pagoda.story.Stories;
import dev.pagoda.testing.HistoricalBug;
import dev.pagoda.testing.HistoricalBug.Caught;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Mistakes that prefix caches have made elsewhere, planted into the parts of ours: the checks of
 * {@link KeyEncodingTest}, {@link CollidingKeysTest} and the random story must find each, and none
 * where none is.
 */
class PlantedPrefixBugTest {
  private static final int STORIES = 60;

  @Test
  void withoutABugEveryCheckPasses() {
    KeyEncodingTest.requireDistinctKeys(KeyEncoding::new);
    KeyEncodingTest.requireSameKeyEverywhere(KeyEncoding::new);
    Stories.readBack(collisions(PrefixIndex::new));
    Stories.play(STORIES, Faults.NONE);
  }

  private static void requireCaught(Runnable check) {
    assertThat(catchThrowable(check::run)).as("the planted bug is found").isNotNull();
  }

  // Wrong identity.

  @Test
  @Caught(HistoricalBug.NO_DOMAIN_TAGS)
  void adaptersAndTenantsWithoutTags() {
    requireConfused(its -> new Namespace(its.name() + its.adapter(), ""));
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_ADAPTER)
  void keysWithoutTheAdapter() {
    requireConfused(its -> its.withAdapter(""));
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_TENANT)
  void keysWithoutTheTenant() {
    requireConfused(its -> new Namespace("", its.adapter()));
  }

  private static void requireConfused(UnaryOperator<Namespace> seen) {
    requireCaught(() ->
        KeyEncodingTest.requireDistinctKeys((fingerprint, layout) ->
            new KeyEncoding(fingerprint, layout) {
              @Override
              byte[] rootBytes(Namespace namespace) {
                return super.rootBytes(seen.apply(namespace));
              }
            }));
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_WEIGHTS)
  void keysWithoutTheModel() {
    requireFieldCounts("M");
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_LAYOUT)
  void keysWithoutTheLayoutOrTheTypes() {
    requireFieldCounts("L");
    requireFieldCounts("D");
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_PARENT)
  void keysWithoutTheParent() {
    requireFieldCounts("P");
  }

  private static void requireFieldCounts(String tag) {
    requireCaught(() ->
        KeyEncodingTest.requireDistinctKeys((fingerprint, layout) ->
            new KeyEncoding(fingerprint, layout) {
              @Override
              BlockKey hash(byte[] bytes) {
                return super.hash(KeyEncodingTest.without(tag, bytes));
              }
            }));
  }

  @Test
  @Caught(HistoricalBug.KEY_SEEDED_PER_PROCESS)
  void keysThatNobodyElseFinds() {
    requireCaught(() -> KeyEncodingTest.requireSameKeyEverywhere(SeededEncoding::new));
  }

  @Test
  @Caught(HistoricalBug.SHORT_HASH)
  void hitsThatAreNotVerified() {
    requireCaught(() -> Stories.readBack(collisions(TrustingIndex::new)));
  }

  @Test
  @Caught(HistoricalBug.HIT_COMPARES_ONE_BLOCK)
  void hitsOfWhichOnlyTheLastBlockIsVerified() {
    requireCaught(() -> Stories.readBack(collisions(ForgetfulIndex::new)));
  }

  // Visible too early, too long, or in part.

  @Test
  @Caught(HistoricalBug.READ_BEFORE_ARRIVAL)
  void tokensThatAreFoundBeforeTheyAreCommitted() {
    requireFoundByStory(new EarlyLength());
  }

  @Test
  @Caught(HistoricalBug.COMMITTED_LENGTH_INFERRED)
  void rewindingThatIsNotNoticed() {
    requireFoundByStory(new DeafToTruncation());
  }

  @Test
  @Caught(HistoricalBug.VISIBLE_BEFORE_WRITTEN)
  void entriesThatStayWhenTheirBlockIsGone() {
    requireFoundByStory(index(StickyIndex::new));
  }

  @Test
  @Caught(HistoricalBug.HEAD_OF_ANOTHER_PROMPT)
  void headsThatAreTakenTooLong() {
    requireFoundByStory(index(GreedyHeads::new));
  }

  @Test
  @Caught(HistoricalBug.PREFIX_OF_ONE_BLOCK)
  void headsThatAreRoundedUpToTheBlock() {
    requireFoundByStory(index(BoundaryHeads::new));
  }

  // Eviction.

  @Test
  @Caught(HistoricalBug.VICTIM_IN_USE)
  void victimsThatAreInUse() {
    requireFoundByStory(order(BlindOrder::new));
    requireFoundByStory(order(CommittedVictims::new));
  }

  @Test
  @Caught(HistoricalBug.COUNTED_BEFORE_CHECKED)
  void hitsThatCountAsFreeBlocks() {
    requireFoundByStory(order(CarelessOrder::new));
  }

  @Test
  @Caught(HistoricalBug.CHAIN_LOSES_ITS_BEGINNING)
  void theYoungestFirst() {
    requireFoundByStory(order(YoungestFirst::new));
  }

  @Test
  @Caught(HistoricalBug.PIN_IGNORED)
  void pinsThatNobodyLooksAt() {
    requireFoundByStory(order(PinlessOrder::new));
  }

  private static void requireFoundByStory(Faults faults) {
    requireCaught(() -> Stories.play(STORIES, faults));
  }

  private static Faults index(Supplier<PrefixIndex> index) {
    return parts(right -> new PrefixCache.Parts(right.encoding(), index.get(), right.order()));
  }

  private static Faults order(UnaryOperator<RetentionOrder> order) {
    return parts(right ->
        new PrefixCache.Parts(right.encoding(), right.index(), order.apply(right.order())));
  }

  /** Keys of six bits. */
  static Faults collisions(Supplier<PrefixIndex> index) {
    return parts(right ->
        new PrefixCache.Parts(new ShortEncoding(right.encoding()), index.get(), right.order()));
  }

  // Faults.

  private static Faults parts(UnaryOperator<PrefixCache.Parts> change) {
    return new Faults() {
      @Override
      PrefixCache.Parts parts(PagedKvCache cache, PrefixCache.Parts right) {
        return change.apply(right);
      }
    };
  }

  private static final class SeededEncoding extends KeyEncoding {
    private final byte[] seed =
        Long.toString(System.nanoTime()).getBytes(StandardCharsets.US_ASCII);

    SeededEncoding(String fingerprint, KvLayout layout) {
      super(fingerprint, layout);
    }

    @Override
    KeyEncoding copy() {
      return this;
    }

    @Override
    BlockKey hash(byte[] bytes) {
      byte[] seeded = Arrays.copyOf(bytes, bytes.length + seed.length);
      System.arraycopy(seed, 0, seeded, bytes.length, seed.length);
      return super.hash(seeded);
    }
  }

  /** Keys of six bits. */
  static final class ShortEncoding extends KeyEncoding {
    private final KeyEncoding right;

    ShortEncoding(KeyEncoding right) {
      super(right);
      this.right = right;
    }

    @Override
    KeyEncoding copy() {
      return new ShortEncoding(right);
    }

    @Override
    BlockKey hash(byte[] bytes) {
      try {
        byte[] few = new byte[BlockKey.BYTES];
        few[7] = (byte) (MessageDigest.getInstance("SHA-256").digest(bytes)[0] & 63);
        return BlockKey.of(few, 0);
      } catch (NoSuchAlgorithmException impossible) {
        throw new AssertionError(impossible);
      }
    }
  }

  private static final class TrustingIndex extends PrefixIndex {
    @Override
    boolean isRight(CachedEntry entry, CachedEntry prefix, int[] tokenIds, int from) {
      return true;
    }
  }

  private static final class ForgetfulIndex extends PrefixIndex {
    @Override
    boolean isRight(CachedEntry entry, CachedEntry prefix, int[] tokenIds, int from) {
      int[] own = entry.block.ids();
      return Arrays.equals(own, 0, own.length, tokenIds, from, from + own.length);
    }
  }

  private static final class StickyIndex extends PrefixIndex {
    @Override
    void remove(CachedEntry entry) {}
  }

  private static final class GreedyHeads extends PrefixIndex {
    @Override
    Head longestHead(CachedEntry prefix, int[] tokens) {
      Head head = super.longestHead(prefix, tokens);
      return head.numTokens() == 0
          ? head
          : new Head(head.entry(), Math.min(tokens.length, head.numTokens() + 1));
    }
  }

  /** Whoever has all tokens but the last one of a block is given that one too. */
  private static final class BoundaryHeads extends PrefixIndex {
    @Override
    Head longestHead(CachedEntry prefix, int[] tokens) {
      Head head = super.longestHead(prefix, tokens);
      int blockSize = head.entry().block.ids().length;
      return head.numTokens() > 0 && head.numTokens() == blockSize - 1
          ? new Head(head.entry(), blockSize)
          : head;
    }
  }

  private static final class EarlyLength extends Faults {
    @Override
    public void begun(KvSequence sequence, Optional<TokenSequence> tokens) {
      tokens.ifPresent(known -> {
        int length = sequence.length();
        int blockSize = sequence.cache().shape().blockSize();
        int early = Math.min(known.tokenIds().length, sequence.blockIds().length * blockSize);
        if (early > length) {
          SequenceSurgery.setLength(sequence, early);
          var _ = known.publish();
          SequenceSurgery.setLength(sequence, length);
        }
      });
    }
  }

  private static final class DeafToTruncation extends Faults {
    @Override
    public void opened(KvSequence sequence) {
      SequenceSurgery.interpose(
          sequence,
          right ->
              new SequenceObserver() {
                @Override
                public void committed(KvSequence committed) {
                  right.committed(committed);
                }

                @Override
                public void truncated(int newLength) {}

                @Override
                public void dropped() {
                  right.dropped();
                }
              });
    }
  }

  private static final class BlindOrder extends RetentionOrder {
    private final Set<Integer> listed = new HashSet<>();

    BlindOrder(RetentionOrder right) {
      super(right);
    }

    @Override
    public void notIdle(int blockId) {}

    @Override
    public void idle(int blockId) {
      if (!listed.add(blockId)) {
        super.notIdle(blockId);
      }
      super.idle(blockId);
    }

    @Override
    public int takeVictim() {
      int blockId = super.takeVictim();
      listed.remove(blockId);
      return blockId;
    }
  }

  private static final class CarelessOrder extends RetentionOrder {
    CarelessOrder(RetentionOrder right) {
      super(right);
    }

    @Override
    public boolean isReclaimable(int blockId) {
      return false;
    }
  }

  private static final class YoungestFirst extends RetentionOrder {
    YoungestFirst(RetentionOrder right) {
      super(right);
    }

    @Override
    public int takeVictim() {
      List<Integer> all = new ArrayList<>();
      while (numReclaimable() > 0) {
        all.add(super.takeVictim());
      }
      int youngest = all.removeLast();
      all.forEach(this::idle);
      return youngest;
    }
  }

  private static final class PinlessOrder extends RetentionOrder {
    PinlessOrder(RetentionOrder right) {
      super(right);
    }

    @Override
    boolean admit(int blockId, Tenant tenant, Retention retention) {
      return super.admit(blockId, tenant, new Retention(retention.priority(), Duration.ZERO));
    }

    @Override
    void raise(int[] blockIds, int count, Retention retention, int hits) {
      super.raise(blockIds, count, new Retention(retention.priority(), Duration.ZERO), hits);
    }
  }

  private static final class CommittedVictims extends RetentionOrder {
    private int last;

    CommittedVictims(RetentionOrder right) {
      super(right);
    }

    @Override
    boolean admit(int blockId, Tenant tenant, Retention retention) {
      boolean admitted = super.admit(blockId, tenant, retention);
      last = admitted ? blockId : last;
      return admitted;
    }

    @Override
    int victimOf(Tenant tenant) {
      return last;
    }
  }
}
