package dev.pagoda.prefix;

import dev.pagoda.HistoricalBug;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.SequenceObserver;
import dev.pagoda.SequenceSurgery;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.prefix.PrefixStories.Faults;
import dev.pagoda.story.Stories;
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

/** Bugs that other systems' prefix caches had. */
public final class PrefixBugs {
  private static final String STORY = "WholeModelTest.everythingTogetherAgreesWithTheReference";
  private static final String KEYS = "KeyEncodingTest.whatDiffersInAnythingHasAnotherKey";
  private static final String GITHUB = "https://github.com/";

  private PrefixBugs() {}

  public static List<HistoricalBug> all() {
    return List.of(
        // Wrong identity.
        keys(
            "vllm#44701",
            "vllm-project/vllm/issues/44701",
            "adapter and salt are hashed without tags: one named like the other hits",
            (encoding, namespace) -> new Namespace(namespace.name() + namespace.adapter(), "")),
        keys(
            "vllm#44250",
            "vllm-project/vllm/issues/44250",
            "the key of a store leaves out the adapter",
            (encoding, namespace) -> namespace.withAdapter("")),
        keys(
            "sglang#24638",
            "sgl-project/sglang/issues/24638",
            "the key leaves out the tenant's salt",
            (encoding, namespace) -> new Namespace("", namespace.adapter())),
        fields(
            "lmdeploy#4917",
            "InternLM/lmdeploy/issues/4917",
            "weights are updated and the cache of the old ones is kept",
            "M"),
        fields(
            "vllm#55191",
            "vllm-project/vllm/pull/55191",
            "the key leaves out the layout: reads of equal size return another head's values",
            "L"),
        fields(
            "LMCache#4463",
            "LMCache/LMCache/issues/4463",
            "the format is guessed from the shape: two formats of one size are taken for the same",
            "D"),
        fields(
            "nano-vllm-java",
            "raydac/nano-vllm-java",
            "the parents do not count: blocks of equal tokens hit behind other prefixes",
            "P"),
        new HistoricalBug(
            "LMCache#2136",
            GITHUB + "LMCache/LMCache/issues/2136",
            "hashes are seeded per process: nothing is ever found by another one",
            "a key depends on content alone",
            "KeyEncodingTest.keysAreTheSameInEveryProcess",
            "key in every process",
            () -> KeyEncodingTest.requireSameKeyEverywhere(KeyEncoding::new),
            () -> KeyEncodingTest.requireSameKeyEverywhere(SeededEncoding::new)),
        colliding(
            "CVE-2026-10813",
            "https://www.cve.org/CVERecord?id=CVE-2026-10813",
            "hashes are cut short and a hit is not verified",
            TrustingIndex::new),
        colliding(
            "vllm#54727",
            GITHUB + "vllm-project/vllm/pull/54727",
            "of colliding keys only the block's own tokens are compared, not those before it",
            ForgetfulIndex::new),
        // Visible too early, too long, or in part.
        story(
            "LMCache#207",
            GITHUB + "LMCache/LMCache/issues/207",
            "an entry is visible while it is still being written",
            "only committed tokens are found",
            "found while uncommitted=",
            new EarlyLength()),
        story(
            "sglang#28702",
            GITHUB + "sgl-project/sglang/issues/28702",
            "the committed length is inferred in one path and known in another",
            "a rewound sequence publishes nothing of what it gave up",
            "content=",
            new DeafToTruncation()),
        story(
            "LMCache#4991",
            GITHUB + "LMCache/LMCache/issues/4991",
            "what is gone stays visible: the index still answers",
            "an entry is found only while its block is cached",
            "probe=",
            parts(right ->
                new PrefixCache.Parts(right.encoding(), new StickyIndex(), right.order()))),
        story(
            "TensorRT-LLM#8813",
            GITHUB + "NVIDIA/TensorRT-LLM/issues/8813",
            "partial reuse takes tokens of a block that are another prompt's",
            "of a block's head only the tokens that are equal are used",
            "cached tokens=",
            parts(right ->
                new PrefixCache.Parts(right.encoding(), new GreedyHeads(), right.order()))),
        story(
            "sglang#22819",
            GITHUB + "sgl-project/sglang/issues/22819",
            "a prefix of exactly the block size corrupts",
            "lengths at block boundaries are as good as others; one token is left to compute",
            "cached tokens=",
            parts(right ->
                new PrefixCache.Parts(right.encoding(), new BoundaryHeads(), right.order()))),
        // Eviction.
        story(
            "vllm#33775",
            GITHUB + "vllm-project/vllm/pull/33775",
            "allocating for a request evicts the blocks it has just hit",
            "blocks that are in use are never victims",
            "content=",
            parts(right ->
                new PrefixCache.Parts(
                    right.encoding(), right.index(), new BlindOrder(right.order())))),
        story(
            "vllm#24228",
            GITHUB + "vllm-project/vllm/pull/24228",
            "capacity is checked after numbers have changed: hits count as free blocks",
            "admission counts idle hits as demand, and a refusal changes nothing",
            "refused=false",
            parts(right ->
                new PrefixCache.Parts(
                    right.encoding(), right.index(), new CarelessOrder(right.order())))),
        story(
            "transformers",
            GITHUB + "huggingface/transformers",
            "the youngest block is evicted first, and chains lose their beginning before their end",
            "the end of the chain that is idle longest goes first",
            "block that belongs to somebody else too=",
            parts(right ->
                new PrefixCache.Parts(
                    right.encoding(), right.index(), new YoungestFirst(right.order())))),
        story(
            "gollek",
            GITHUB + "bhangun/gollek",
            "pins are not looked at when blocks are freed",
            "a pinned block is not given up before its deadline",
            "block that belongs to somebody else too=",
            parts(right ->
                new PrefixCache.Parts(
                    right.encoding(), right.index(), new PinlessOrder(right.order())))),
        story(
            "TensorRT-LLM#17926",
            GITHUB + "NVIDIA/TensorRT-LLM/issues/17926",
            "eviction inside a commit detaches blocks that are being committed",
            "publishing evicts idle blocks only",
            "content=",
            parts(right ->
                new PrefixCache.Parts(
                    right.encoding(), right.index(), new CommittedVictims(right.order())))));
  }

  // Checks.

  private static HistoricalBug story(
      String where, String url, String what, String invariant, String harm, Faults faults) {
    return new HistoricalBug(
        where,
        url,
        what,
        invariant,
        STORY,
        harm,
        () -> Stories.requireNo("", 4, Faults.NONE),
        () -> Stories.requireNo(harm, 400, faults));
  }

  private static HistoricalBug colliding(
      String where, String url, String what, Supplier<PrefixIndex> index) {
    return new HistoricalBug(
        where,
        url,
        what,
        "a hit is confirmed by the token ids of the block and of all before it",
        "CollidingKeysTest.whateverTheKeysNoWrongBlockIsServed",
        "content=",
        () -> Stories.readBack(collisions(PrefixIndex::new)),
        () -> Stories.readBack(collisions(index)));
  }

  /** Keys of six bits. */
  static Faults collisions(Supplier<PrefixIndex> index) {
    return parts(right ->
        new PrefixCache.Parts(new ShortEncoding(right.encoding()), index.get(), right.order()));
  }

  private interface Confusion {
    Namespace seen(KeyEncoding encoding, Namespace namespace);
  }

  private static HistoricalBug keys(String where, String thread, String what, Confusion confusion) {
    return new HistoricalBug(
        where,
        GITHUB + thread,
        what,
        "keys differ whenever anything differs that keys and values depend on",
        KEYS,
        "key of ",
        () -> KeyEncodingTest.requireDistinctKeys(KeyEncoding::new),
        () ->
            KeyEncodingTest.requireDistinctKeys((fingerprint, layout) ->
                new KeyEncoding(fingerprint, layout) {
                  @Override
                  byte[] rootBytes(Namespace namespace) {
                    return super.rootBytes(confusion.seen(this, namespace));
                  }
                }));
  }

  /** A field that is not hashed. */
  private static HistoricalBug fields(String where, String thread, String what, String tag) {
    return new HistoricalBug(
        where,
        GITHUB + thread,
        what,
        "keys differ whenever anything differs that keys and values depend on",
        KEYS,
        "key of ",
        () -> KeyEncodingTest.requireDistinctKeys(KeyEncoding::new),
        () ->
            KeyEncodingTest.requireDistinctKeys((fingerprint, layout) ->
                new KeyEncoding(fingerprint, layout) {
                  @Override
                  BlockKey hash(byte[] bytes) {
                    return super.hash(KeyEncodingTest.without(tag, bytes));
                  }
                }));
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
