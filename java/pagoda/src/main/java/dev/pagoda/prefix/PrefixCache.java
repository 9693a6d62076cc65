package dev.pagoda.prefix;

import dev.pagoda.BlockEviction;
import dev.pagoda.CachedBlocks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.memory.KvStorage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * Finds the longest beginning of a prompt that somebody has computed before, and opens a sequence
 * that already holds it.
 *
 * <pre>
 *   open(tokenIds, namespace) -> TokenSequence   length: the cached prefix, at least one token short
 *   step.append(sequence, rest)                  only the rest is computed
 *   commit                                       full blocks become shareable, prompt and reply
 * </pre>
 *
 * <p>Full blocks of committed tokens are shared, by reference. A hit may end inside a block, whose
 * head is then copied by the first write. A block is found by a SHA-256 over everything its content
 * depends on ({@link BlockKey}), and only used if the token ids of the whole prefix are equal. It
 * becomes visible when its step is committed, never before; tokens whose ids nobody gave, drafts
 * for instance, are never visible.
 *
 * <p>Blocks outlive their sequences: they become idle, and are given up when the pool would
 * otherwise be out of blocks, those of the lowest {@link Retention} priority first, then the end of
 * the chain that has been idle longest. Blocks that sequences use are never given up, so the hits
 * of a request are never its own victims.
 *
 * <p>Layers with a sliding window share as the others do. What such a layer holds at a position
 * depends, through the layers below, on tokens far outside its window; so the whole prefix is the
 * key, a block is only found behind all blocks before it, and blocks that have left every window
 * stay in the chain.
 *
 * <p>Memory: about 350 bytes on the heap per shareable block of 16 tokens, and 60 per block of the
 * pool. One prefix cache per {@link PagedKvCache}; whoever opens it closes it, before or after the
 * other. Threads: any number. Lookups take no lock but for the references they take; publishing
 * takes one lock per block. No call blocks for longer than bookkeeping and the lower tier take.
 *
 * <p>Failure: a call that throws has changed nothing. On a device whose work is queued, steps of
 * one cache run in the order in which they were committed, so what is found is there when it is
 * read.
 */
public final class PrefixCache implements AutoCloseable {
  private final PagedKvCache cache;
  private final PrefixSettings settings;
  private final KeyEncoding encoding;
  private final Shelf shelf;
  private final CachedBlocks blocks;
  private final Publisher publisher;
  private final TierGuard tier;
  private final PrefixLookup.Shelves shelves;
  private final Map<String, Tenant> tenants = new HashMap<>();
  private final Tenant unlimited = new Tenant("", Integer.MAX_VALUE);
  private final PrefixCounters counters = new PrefixCounters();
  private final EventQueue events = new EventQueue();
  private final int blockSize;

  /** What a prefix cache is made of; tests put other parts in. */
  record Parts(KeyEncoding encoding, PrefixIndex index, RetentionOrder order) {
    static Parts of(PagedKvCache cache, PrefixSettings settings, LongSupplier nanoTime) {
      return new Parts(
          new KeyEncoding(settings.modelFingerprint(), cache.layout()),
          new PrefixIndex(),
          new RetentionOrder(cache.statistics().blocks().numBlocks(), nanoTime));
    }
  }

  PrefixCache(PagedKvCache cache, PrefixSettings settings, Parts parts) {
    this.cache = cache;
    this.settings = settings;
    encoding = parts.encoding();
    blockSize = cache.shape().blockSize();
    tier = new TierGuard(settings.tier());
    settings.quotaBlocks().forEach((name, quota) -> tenants.put(name, new Tenant(name, quota)));
    shelf = new Shelf(cache, parts, this::evicted, counters, events);
    blocks = shelf.blocks();
    try {
      publisher = new Publisher(shelf, tier, events, blockSize);
      shelves = shelves(tier, settings.headHits());
    } catch (Throwable refused) {
      shelf.close();
      throw refused;
    }
  }

  private PrefixLookup.Shelves shelves(TierGuard below, boolean headHits) {
    return new PrefixLookup.Shelves(shelf.index(), shelf.evictedKeys(), below, headHits, blockSize);
  }

  /**
   * Opens a prefix cache over the blocks of a cache.
   *
   * @param cache whose blocks are shared
   * @param settings model, quotas, lower tier
   * @return the prefix cache, owned by the caller
   * @throws IllegalStateException if the cache has one already, or is closed
   */
  public static PrefixCache open(PagedKvCache cache, PrefixSettings settings) {
    Objects.requireNonNull(settings, "settings");
    return new PrefixCache(cache, settings, Parts.of(cache, settings, System::nanoTime));
  }

  /**
   * Opens a sequence that holds the longest cached prefix of a prompt, default options.
   *
   * @param tokenIds the prompt; copied
   * @param namespace whose blocks may be used
   * @return the sequence, the caller's to close
   * @throws dev.pagoda.block.OutOfBlocksException if the pool has no room for the rest of the
   *     prompt; nothing has changed
   * @throws IllegalStateException if this prefix cache is closed
   */
  public TokenSequence open(int[] tokenIds, Namespace namespace) {
    return open(tokenIds, namespace, OpenOptions.DEFAULT);
  }

  /**
   * Opens a sequence that holds the longest cached prefix of a prompt.
   *
   * @param tokenIds the prompt; copied
   * @param namespace whose blocks may be used
   * @param options what the request reads, writes and keeps
   * @return the sequence, the caller's to close
   * @throws dev.pagoda.block.OutOfBlocksException if room is required and the pool has none for the
   *     rest of the prompt; nothing has changed
   * @throws IllegalStateException if this prefix cache is closed
   */
  public TokenSequence open(int[] tokenIds, Namespace namespace, OpenOptions options) {
    Objects.requireNonNull(options, "options");
    int[] prompt = tokenIds.clone();
    KeyEncoding own = encoding.copy();
    long opened = shelf.epoch();
    CachedEntry root = root(own, namespace);
    PrefixLookup lookup =
        options.read()
            ? new PrefixLookup(shelves, own, root, prompt)
            : new PrefixLookup(root, prompt);
    Admission admission = admit(lookup, options, opened);
    KvSequence sequence;
    try {
      sequence = blocks.open(admission.takeHandles(), length(admission), prompt.length);
    } catch (Throwable refused) {
      admission.release();
      throw refused;
    }
    try {
      TokenSequence tokens =
          new TokenSequence(this, sequence, new TokenSequence.Line(root, own, opened), options);
      tokens.begin(prompt, admission.fullBlocks());
      TokenSequence.Found found = found(lookup, admission);
      count(sequence, found, lookup, options.afterPreemption());
      tokens.count(found);
      return tokens;
    } catch (Throwable refused) {
      sequence.close();
      throw refused;
    }
  }

  /** Fills a sequence that was opened here and has lost its content with what is cached of it. */
  TokenSequence.Found fill(
      KvSequence empty, int[] tokenIds, TokenSequence.Line line, OpenOptions options) {
    PrefixLookup lookup =
        options.read()
            ? new PrefixLookup(shelves, line.encoding(), line.root(), tokenIds)
            : new PrefixLookup(line.root(), tokenIds);
    Admission admission = admit(lookup, options, line.epoch());
    TokenSequence.Found found;
    try {
      found = found(lookup, admission);
      blocks.fill(empty, admission.takeHandles(), length(admission));
    } catch (Throwable refused) {
      admission.release();
      throw refused;
    }
    count(empty, found, lookup, true);
    return found;
  }

  private Admission admit(PrefixLookup lookup, OpenOptions options, long since) {
    requireOpen();
    Admission admission = new Admission(blocks, lookup);
    int numNeeded = cache.shape().blocksFor(lookup.tokenIds.length) - admission.numResidentFull();
    admission.adopt(options.requireRoom() ? numNeeded : 0);
    try {
      admission.load(publisher, tier, options.retention(), since);
      shelf.order().raise(admission.blockIds(), admission.numBlocks(), options.retention(), 1);
      return admission;
    } catch (Throwable refused) {
      admission.release();
      throw refused;
    } finally {
      events.deliver();
    }
  }

  private int length(Admission admission) {
    return admission.fullBlocks().size() * blockSize + admission.headTokens();
  }

  private TokenSequence.Found found(PrefixLookup lookup, Admission admission) {
    boolean asSeen =
        admission.fullBlocks().size() == lookup.slots.size()
            && admission.headTokens() == lookup.head.numTokens();
    return new TokenSequence.Found(
        length(admission),
        admission.numLoaded() * blockSize,
        admission.headTokens(),
        asSeen ? lookup.missReason : MissReason.EVICTED,
        List.copyOf(admission.fullBlocks()));
  }

  private void count(
      KvSequence sequence, TokenSequence.Found found, PrefixLookup lookup, boolean returned) {
    int cached = found.cached();
    counters.numRequests.increment();
    counters.promptTokens.add(lookup.tokenIds.length);
    (returned ? counters.returnedTokens : counters.cachedTokens).add(cached);
    counters.loadedTokens.add(found.loaded());
    counters.headTokens.add(found.head());
    counters.missed(found.reason());
    if (cached > 0) {
      CacheEvents.current().prefixHit(sequence.id(), cached, lookup.tokenIds.length);
    } else {
      CacheEvents.current()
          .prefixMissed(sequence.id(), lookup.tokenIds.length, found.reason().name());
    }
  }

  private CachedEntry root(KeyEncoding own, Namespace namespace) {
    Tenant tenant = tenants.getOrDefault(namespace.name(), unlimited);
    return CachedEntry.root(own.root(namespace), namespace, tenant);
  }

  /**
   * What a request would find, without anything changing: no count, no age, no owner.
   *
   * @param tokenIds the prompt
   * @param namespace whose blocks may be used
   * @return tokens that need not be computed
   */
  public PrefixMatch probe(int[] tokenIds, Namespace namespace) {
    PrefixLookup lookup = lookup(tokenIds, namespace);
    int cached = lookup.slots.size() * blockSize + lookup.head.numTokens();
    return new PrefixMatch(cached, lookup.head.numTokens(), lookup.missReason);
  }

  private PrefixLookup lookup(int[] tokenIds, Namespace namespace) {
    KeyEncoding own = encoding.copy();
    return new PrefixLookup(shelves, own, root(own, namespace), tokenIds);
  }

  // Publishing.

  /**
   * Makes the full committed blocks of a sequence shareable, for sequences that were not opened
   * here: forks, beams, samples. Those of an open {@link TokenSequence} are published by itself.
   *
   * @param sequence an open sequence of the cache whose blocks are here
   * @param tokenIds its tokens, from position 0 on; full blocks beyond either length are left out
   * @param namespace who may use them
   * @return tokens that became shareable; not those that were already
   * @throws IllegalStateException if the sequence is closed or parked
   */
  public int publish(KvSequence sequence, int[] tokenIds, Namespace namespace) {
    KeyEncoding own = encoding.copy();
    TokenSequence.Line line = new TokenSequence.Line(root(own, namespace), own, shelf.epoch());
    return publish(sequence, tokenIds, tokenIds.length, line, new ArrayList<>(), Retention.DEFAULT);
  }

  int publish(
      KvSequence sequence,
      int[] tokenIds,
      int numTokens,
      TokenSequence.Line line,
      List<CachedEntry> chain,
      Retention retention) {
    int published = publisher.publish(sequence, tokenIds, numTokens, line, chain, retention);
    counters.publishedTokens.add(published);
    return published;
  }

  // Removal.

  /** The pool has given blocks up; the caller is the thread that got them. */
  private BlockEviction.Return evicted(KvStorage storage, int[] blockIds) {
    GivenUp givenUp = shelf.evicted(blockIds);
    publisher.offer(givenUp.entries(), storage);
    CacheEvents.current().evicted(givenUp.entries().size());
    events.deliver();
    return handle -> {
      shelf.putBack(handle, givenUp);
      events.deliver();
    };
  }

  /**
   * Makes the blocks of a prompt's cached prefix shareable no more. Sequences that use them keep
   * them; nothing is offered to the lower tier. Longer prefixes that go on with other tokens are no
   * longer found either.
   *
   * @param tokenIds the prompt
   * @param namespace whose blocks
   * @return blocks removed
   */
  public int remove(int[] tokenIds, Namespace namespace) {
    KeyEncoding own = encoding.copy();
    CachedEntry root = root(own, namespace);
    // One token more, because a lookup leaves one over.
    int[] whole = Arrays.copyOf(tokenIds, tokenIds.length + 1);
    List<CachedEntry> found = new PrefixLookup(shelves, own, root, whole).slots;
    int count = shelf.remove(found);
    events.deliver();
    return count;
  }

  /**
   * Makes every block of a namespace shareable no more, with all its adapters' if the namespace has
   * none. Sequences that use them keep them.
   *
   * @param namespace whose blocks
   * @return blocks removed
   */
  public int clear(Namespace namespace) {
    int count = shelf.clear(namespace);
    events.deliver();
    return count;
  }

  /**
   * Makes every block shareable no more, and keeps sequences that are open now from publishing any:
   * for weights that change under the same fingerprint. Sequences keep the blocks they use. The
   * lower tier is not cleared.
   *
   * @return blocks removed
   */
  public int clear() {
    int count = shelf.clear();
    events.deliver();
    return count;
  }

  // Retention.

  /**
   * Keeps the cached prefix of a prompt from being given up for some time, whoever uses it. A later
   * deadline replaces an earlier one, not the other way round.
   *
   * @param tokenIds the prompt
   * @param namespace whose blocks
   * @param pin how long
   * @return tokens pinned, in full blocks
   */
  public int pin(int[] tokenIds, Namespace namespace, Duration pin) {
    return adoptedPrefix(
        tokenIds, namespace, ids -> shelf.order().raise(ids, ids.length, new Retention(0, pin), 0));
  }

  /**
   * Takes the pins of a prompt's cached prefix back, longer prefixes' too.
   *
   * @param tokenIds the prompt
   * @param namespace whose blocks
   * @return tokens unpinned, in full blocks
   */
  public int unpin(int[] tokenIds, Namespace namespace) {
    return adoptedPrefix(tokenIds, namespace, ids -> shelf.order().unpin(ids, ids.length));
  }

  private interface BlockAction {
    void on(int[] blockIds);
  }

  private int adoptedPrefix(int[] tokenIds, Namespace namespace, BlockAction action) {
    requireOpen();
    KeyEncoding own = encoding.copy();
    int[] whole = Arrays.copyOf(tokenIds, tokenIds.length + 1);
    PrefixLookup.Shelves above = shelves(new TierGuard(LowerTier.NONE), false);
    PrefixLookup lookup = new PrefixLookup(above, own, root(own, namespace), whole);
    Admission admission = new Admission(blocks, lookup);
    admission.adopt(0);
    try {
      action.on(admission.blockIds());
      return admission.numBlocks() * blockSize;
    } finally {
      admission.release();
    }
  }

  /**
   * Why a block is kept, or is no more.
   *
   * @param blockId number of a block in the cache's pool
   * @return what is known of it
   * @throws IndexOutOfBoundsException if there is no such block
   */
  public BlockExplanation explain(int blockId) {
    return shelf.explain(blockId);
  }

  // Numbers and events.

  /**
   * The prefix cache's numbers now.
   *
   * @return a snapshot
   */
  public PrefixStatistics statistics() {
    return counters.snapshot(shelf.index().size());
  }

  /**
   * Blocks that a tenant has cached, for tenants with a quota.
   *
   * @param name the tenant, by {@link Namespace#name}
   * @return number of blocks
   * @throws IllegalArgumentException if it has no quota
   */
  public int numBlocksOf(String name) {
    Tenant tenant = tenants.get(name);
    if (tenant == null) {
      throw new IllegalArgumentException("the tenant has no quota: name=" + name);
    }
    return shelf.order().numCached(tenant);
  }

  PrefixCounters counters() {
    return counters;
  }

  /**
   * What it was opened with.
   *
   * @return the settings
   */
  public PrefixSettings settings() {
    return settings;
  }

  /**
   * The cache whose blocks are shared.
   *
   * @return the cache
   */
  public PagedKvCache cache() {
    return cache;
  }

  /**
   * Has somebody told of blocks that become shareable from now on, or are so no more.
   *
   * @param listener whom to tell
   */
  public void addListener(PrefixListener listener) {
    events.addListener(Objects.requireNonNull(listener, "listener"));
  }

  /**
   * Has somebody told no more.
   *
   * @param listener whom not to tell
   */
  public void removeListener(PrefixListener listener) {
    events.removeListener(listener);
  }

  /**
   * Proves the bookkeeping by a full scan: every entry is live, in both orders of the index and
   * over a cached block of its own. Not while other threads use the cache. For tests and debugging.
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    shelf.check();
  }

  private void requireOpen() {
    if (shelf.isClosed()) {
      throw new IllegalStateException("the prefix cache is closed: cache=" + cache);
    }
  }

  /**
   * Makes every block shareable no more and gives the idle ones back to the pool. Sequences stay
   * open and are not published any more. Closing twice is allowed and does nothing.
   */
  @Override
  public void close() {
    shelf.close();
    events.deliver();
  }

  @Override
  public String toString() {
    return "PrefixCache[" + statistics() + "]";
  }
}
