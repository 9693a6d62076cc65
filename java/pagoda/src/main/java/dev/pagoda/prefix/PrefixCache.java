package dev.pagoda.prefix;

import dev.pagoda.BlockEviction;
import dev.pagoda.CachedBlocks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.memory.KvStorage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
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
  private final RetentionOrder order;
  private final CachedBlocks blocks;
  private final int blockSize;
  private final int numBlocks;
  private final PrefixIndex index;
  private final EvictedKeys evictedKeys;
  private final TierGuard tier;
  private final PrefixLookup.Shelves shelves;
  private final Map<String, Tenant> tenants = new HashMap<>();
  private final Tenant unlimited = new Tenant("", Integer.MAX_VALUE);
  private final PrefixCounters counters = new PrefixCounters();
  private final EventQueue events = new EventQueue();

  /** Guards changes of the index; never held while the pool or the cache is waited for long. */
  private final ReentrantLock writing = new ReentrantLock();

  // Changed inside the lock. Per block of the pool.
  private final AtomicReferenceArray<CachedEntry> entryOf;
  private final AtomicReferenceArray<Removal> removalOf;
  private final AtomicLong epoch = new AtomicLong();
  private volatile boolean closed;

  /** How an entry ended. */
  private record Removal(PrefixBlock block, RemovalReason reason, RetentionOrder.Standing last) {
    static final Removal NONE =
        new Removal(
            PrefixBlock.NONE, RemovalReason.NONE, new RetentionOrder.Standing(0, 0, false, 0, 0));
  }

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
    index = parts.index();
    order = parts.order();
    blockSize = cache.shape().blockSize();
    numBlocks = cache.statistics().blocks().numBlocks();
    evictedKeys = new EvictedKeys(numBlocks);
    tier = new TierGuard(settings.tier());
    shelves = new PrefixLookup.Shelves(index, evictedKeys, tier, settings.headHits(), blockSize);
    settings.quotaBlocks().forEach((name, quota) -> tenants.put(name, new Tenant(name, quota)));
    entryOf = slots(CachedEntry.NONE);
    removalOf = slots(Removal.NONE);
    blocks = cache.openCachedBlocks(order, this::evicted);
  }

  private <T> AtomicReferenceArray<T> slots(T nothing) {
    AtomicReferenceArray<T> slots = new AtomicReferenceArray<>(numBlocks);
    for (int id = 0; id < numBlocks; id++) {
      slots.setPlain(id, nothing);
    }
    return slots;
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
    long opened = epoch.get();
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
    TokenSequence tokens =
        new TokenSequence(this, sequence, new TokenSequence.Line(root, own, opened), options);
    tokens.begin(prompt, admission.fullBlocks());
    tokens.count(found(sequence, lookup, admission, options.afterPreemption()));
    return tokens;
  }

  /** Fills a sequence that was opened here and has lost its content with what is cached of it. */
  TokenSequence.Found fill(
      KvSequence empty, int[] tokenIds, TokenSequence.Line line, OpenOptions options) {
    PrefixLookup lookup =
        options.read()
            ? new PrefixLookup(shelves, line.encoding(), line.root(), tokenIds)
            : new PrefixLookup(line.root(), tokenIds);
    Admission admission = admit(lookup, options, line.epoch());
    try {
      blocks.fill(empty, admission.takeHandles(), length(admission));
    } catch (Throwable refused) {
      admission.release();
      throw refused;
    }
    return found(empty, lookup, admission, true);
  }

  private Admission admit(PrefixLookup lookup, OpenOptions options, long since) {
    requireOpen();
    Admission admission = new Admission(blocks, lookup);
    int numNeeded = cache.shape().blocksFor(lookup.tokenIds.length) - admission.numResidentFull();
    admission.adopt(options.requireRoom() ? numNeeded : 0);
    try {
      admission.load(this, tier, options.retention(), since);
      order.raise(admission.blockIds(), admission.numBlocks(), options.retention(), 1);
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

  private TokenSequence.Found found(
      KvSequence sequence, PrefixLookup lookup, Admission admission, boolean returned) {
    int cached = length(admission);
    int loaded = admission.numLoaded() * blockSize;
    counters.numRequests.increment();
    counters.promptTokens.add(lookup.tokenIds.length);
    (returned ? counters.returnedTokens : counters.cachedTokens).add(cached);
    counters.loadedTokens.add(loaded);
    counters.headTokens.add(admission.headTokens());
    boolean asSeen =
        admission.fullBlocks().size() == lookup.slots.size()
            && admission.headTokens() == lookup.head.numTokens();
    MissReason reason = asSeen ? lookup.missReason : MissReason.EVICTED;
    counters.missed(reason);
    if (cached > 0) {
      CacheEvents.current().prefixHit(sequence.id(), cached, lookup.tokenIds.length);
    } else {
      CacheEvents.current().prefixMissed(sequence.id(), lookup.tokenIds.length, reason.name());
    }
    return new TokenSequence.Found(
        cached, loaded, admission.headTokens(), reason, List.copyOf(admission.fullBlocks()));
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
    TokenSequence.Line line = new TokenSequence.Line(root(own, namespace), own, epoch.get());
    return publish(sequence, tokenIds, tokenIds.length, line, new ArrayList<>(), Retention.DEFAULT);
  }

  /**
   * Publishes what a chain does not have yet.
   *
   * @param chain entries of the sequence's first blocks; those that have died are published again
   */
  int publish(
      KvSequence sequence,
      int[] tokenIds,
      int numTokens,
      TokenSequence.Line line,
      List<CachedEntry> chain,
      Retention retention) {
    int numFull = Math.min(numTokens, sequence.length()) / blockSize;
    int first = numLive(chain, numFull);
    if (closed || line.epoch() != epoch.get() || first >= numFull) {
      return 0;
    }
    chain.subList(first, chain.size()).clear();
    // References, so that nobody gives a block up before it is in the index.
    long[] handles = blocks.hold(sequence, first, numFull);
    List<CachedEntry> stored = new ArrayList<>();
    try {
      for (long handle : handles) {
        CachedEntry parent = chain.isEmpty() ? line.root() : chain.getLast();
        int from = chain.size() * blockSize;
        PrefixBlock block =
            new PrefixBlock(
                line.encoding().block(parent.key(), tokenIds, from),
                parent.key(),
                line.root().block.namespace(),
                chain.size(),
                Arrays.copyOfRange(tokenIds, from, from + blockSize));
        Shelving shelving = shelve(block, handle, parent, retention, line.epoch());
        if (shelving.entry().isEmpty()) {
          break;
        }
        chain.add(shelving.entry().get());
        if (shelving.isNew()) {
          stored.add(shelving.entry().get());
        }
      }
      tier.stored(blocksOf(stored), blocks.storage(), idsOf(stored));
    } finally {
      blocks.release(handles, 0, handles.length);
      events.deliver();
    }
    counters.publishedTokens.add((long) stored.size() * blockSize);
    return stored.size() * blockSize;
  }

  private static int numLive(List<CachedEntry> chain, int numFull) {
    int count = 0;
    while (count < Math.min(numFull, chain.size()) && chain.get(count).isLive()) {
      count++;
    }
    return count;
  }

  private static List<PrefixBlock> blocksOf(List<CachedEntry> entries) {
    return entries.stream().map(entry -> entry.block).toList();
  }

  private static int[] idsOf(List<CachedEntry> entries) {
    return entries.stream().mapToInt(entry -> BlockHandle.blockId(entry.handle)).toArray();
  }

  /**
   * Puts a block into the index, unless its content is there already.
   *
   * @param handle a block that the caller has a reference of, and that holds the content
   * @param since refused if everything was cleared since then
   * @return the entry of that content, possibly with another block; none if it was refused
   */
  Shelving shelve(
      PrefixBlock block, long handle, CachedEntry parent, Retention retention, long since) {
    List<CachedEntry> outdated = new ArrayList<>();
    Shelving shelving;
    writing.lock();
    try {
      shelving =
          closed || since != epoch.get()
              ? Shelving.REFUSED
              : shelveLocked(block, handle, parent, retention, outdated);
    } finally {
      writing.unlock();
    }
    // Referenced until here, so that their content was still there for the tier.
    tier.evicted(blocksOf(outdated), blocks.storage(), idsOf(outdated));
    for (CachedEntry entry : outdated) {
      blocks.release(new long[] {entry.handle}, 0, 1);
    }
    if (!shelving.isNew()) {
      shelving.entry().ifPresent(entry -> touch(entry, retention));
    }
    return shelving;
  }

  /** The entry that has a content now, none if it was refused, and whether it is a new one. */
  record Shelving(Optional<CachedEntry> entry, boolean isNew) {
    static final Shelving REFUSED = new Shelving(Optional.empty(), false);
  }

  private Shelving shelveLocked(
      PrefixBlock block,
      long handle,
      CachedEntry parent,
      Retention retention,
      List<CachedEntry> outdated) {
    Optional<CachedEntry> there = index.find(block.key());
    if (there.isPresent() && blocks.isCached(there.get().handle)) {
      CachedEntry entry = there.get();
      if (!index.isRight(entry, parent, block.ids(), 0)) {
        counters.numCollisions.increment();
        return Shelving.REFUSED;
      }
      if (entry.handle != handle) {
        counters.numDuplicates.increment();
      }
      return new Shelving(there, false);
    }
    // Given up, and its new owner has not come to tell yet.
    there.ifPresent(entry -> unshelve(entry, RemovalReason.POOL_NEEDED_A_BLOCK));
    int blockId = BlockHandle.blockId(handle);
    if (blocks.isCached(handle)) {
      return Shelving.REFUSED; // in another namespace: it belongs there
    }
    while (!order.admit(blockId, parent.tenant, retention)) {
      if (!makeRoom(parent.tenant, outdated)) {
        counters.numQuotaRefusals.increment();
        return Shelving.REFUSED;
      }
    }
    CachedEntry entry = new CachedEntry(block, handle, parent);
    var _ = blocks.cache(handle);
    entryOf.set(blockId, entry);
    index.add(entry);
    evictedKeys.remove(block.key());
    events.stored(block);
    return new Shelving(Optional.of(entry), true);
  }

  /** Gives up an idle block of a tenant that has as many as it may. */
  private boolean makeRoom(Tenant tenant, List<CachedEntry> outdated) {
    int blockId = order.victimOf(tenant);
    if (blockId == BlockLinks.NONE) {
      return false;
    }
    CachedEntry entry = entryOf.get(blockId);
    if (!entry.hasBlock() || blocks.adopt(new long[] {entry.handle}, 0, 1, 0) == 0) {
      return false; // somebody was faster
    }
    entryOf.set(blockId, CachedEntry.NONE);
    unshelve(entry, RemovalReason.QUOTA);
    var _ = blocks.uncache(entry.handle);
    outdated.add(entry);
    return true;
  }

  /** A block whose content somebody has computed again counts as used. */
  private void touch(CachedEntry entry, Retention retention) {
    long[] handle = {entry.handle};
    if (blocks.adopt(handle, 0, 1, 0) == 1) {
      order.raise(new int[] {BlockHandle.blockId(entry.handle)}, 1, retention, 0);
      blocks.release(handle, 0, 1);
    }
  }

  // Removal. All but evicted() inside the lock.

  private void unshelve(CachedEntry entry, RemovalReason reason) {
    if (entry.isLive()) {
      // First dead, then uncached: see Admission.adopt.
      entry.die();
      index.remove(entry);
      evictedKeys.add(entry.key());
      int blockId = BlockHandle.blockId(entry.handle);
      removalOf.set(blockId, new Removal(entry.block, reason, order.standing(blockId)));
      order.dismiss(entry.tenant);
      counters.removed(reason, 1);
      events.removed(entry.block, reason);
    }
  }

  /** The pool has given blocks up; the caller is the thread that got them. */
  private BlockEviction.Return evicted(KvStorage storage, int[] blockIds) {
    List<CachedEntry> entries = new ArrayList<>(blockIds.length);
    List<CachedEntry> wereLive = new ArrayList<>(blockIds.length);
    long since;
    writing.lock();
    try {
      since = epoch.get();
      for (int blockId : blockIds) {
        CachedEntry entry = entryOf.getAndSet(blockId, CachedEntry.NONE);
        if (entry.hasBlock()) {
          if (entry.isLive()) {
            wereLive.add(entry);
          }
          unshelve(entry, RemovalReason.POOL_NEEDED_A_BLOCK);
          entries.add(entry);
        }
      }
    } finally {
      writing.unlock();
    }
    tier.evicted(blocksOf(entries), storage, idsOf(entries));
    CacheEvents.current().evicted(entries.size());
    events.deliver();
    return handle -> cacheAgain(handle, wereLive, since);
  }

  /** The request for which a block was given up has failed, and has not touched it. */
  private void cacheAgain(long handle, List<CachedEntry> wereLive, long since) {
    int blockId = BlockHandle.blockId(handle);
    writing.lock();
    try {
      for (CachedEntry old : wereLive) {
        if (BlockHandle.blockId(old.handle) == blockId
            && !closed
            && since == epoch.get()
            && index.find(old.key()).isEmpty()
            && order.readmit(blockId, old.tenant)) {
          CachedEntry entry = new CachedEntry(old.block, handle, old.parent());
          var _ = blocks.cache(handle);
          entryOf.set(blockId, entry);
          index.add(entry);
          evictedKeys.remove(old.key());
          removalOf.set(blockId, Removal.NONE);
          counters.removed(RemovalReason.POOL_NEEDED_A_BLOCK, -1);
          events.stored(old.block);
        }
      }
    } finally {
      writing.unlock();
    }
    events.deliver();
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
    int count = 0;
    writing.lock();
    try {
      for (CachedEntry entry : found.reversed()) {
        count += removeLocked(entry, RemovalReason.REMOVED) ? 1 : 0;
      }
    } finally {
      writing.unlock();
    }
    events.deliver();
    return count;
  }

  private boolean removeLocked(CachedEntry entry, RemovalReason reason) {
    if (!entry.isLive() || !entry.hasBlock()) {
      return false;
    }
    unshelve(entry, reason);
    if (blocks.uncache(entry.handle)) {
      entryOf.set(BlockHandle.blockId(entry.handle), CachedEntry.NONE);
    } // else it was given up, and its new owner comes to offer it to the tier
    return true;
  }

  /**
   * Makes every block of a namespace shareable no more, with all its adapters' if the namespace has
   * none. Sequences that use them keep them.
   *
   * @param namespace whose blocks
   * @return blocks removed
   */
  public int clear(Namespace namespace) {
    int count = 0;
    writing.lock();
    try {
      for (CachedEntry entry : List.copyOf(index.entries())) {
        Namespace its = entry.block.namespace();
        boolean covered =
            its.equals(namespace)
                || (namespace.adapter().isEmpty() && its.name().equals(namespace.name()));
        count += covered && removeLocked(entry, RemovalReason.CLEARED) ? 1 : 0;
      }
    } finally {
      writing.unlock();
    }
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
    int count;
    writing.lock();
    try {
      count = clearLocked();
    } finally {
      writing.unlock();
    }
    events.deliver();
    return count;
  }

  private int clearLocked() {
    int count = 0;
    var _ = epoch.incrementAndGet();
    for (CachedEntry entry : List.copyOf(index.entries())) {
      entry.die();
      int blockId = BlockHandle.blockId(entry.handle);
      entryOf.set(blockId, CachedEntry.NONE);
      removalOf.set(
          blockId, new Removal(entry.block, RemovalReason.CLEARED, order.standing(blockId)));
      order.dismiss(entry.tenant);
      var _ = blocks.uncache(entry.handle);
      count++;
    }
    index.clear();
    counters.removed(RemovalReason.CLEARED, count);
    events.cleared();
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
        tokenIds, namespace, ids -> order.raise(ids, ids.length, new Retention(0, pin), 0));
  }

  /**
   * Takes the pins of a prompt's cached prefix back, longer prefixes' too.
   *
   * @param tokenIds the prompt
   * @param namespace whose blocks
   * @return tokens unpinned, in full blocks
   */
  public int unpin(int[] tokenIds, Namespace namespace) {
    return adoptedPrefix(tokenIds, namespace, ids -> order.unpin(ids, ids.length));
  }

  private interface BlockAction {
    void on(int[] blockIds);
  }

  private int adoptedPrefix(int[] tokenIds, Namespace namespace, BlockAction action) {
    requireOpen();
    KeyEncoding own = encoding.copy();
    int[] whole = Arrays.copyOf(tokenIds, tokenIds.length + 1);
    PrefixLookup.Shelves above =
        new PrefixLookup.Shelves(
            index, evictedKeys, new TierGuard(LowerTier.NONE), false, blockSize);
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
    CachedEntry entry = entryOf.get(blockId);
    if (entry.isLive() && entry.hasBlock()) {
      return standing(entry, order.standing(blockId));
    }
    Removal removal = removalOf.get(blockId);
    BlockExplanation.Fate fate =
        removal.reason == RemovalReason.NONE
            ? BlockExplanation.Fate.NEVER_SHAREABLE
            : BlockExplanation.Fate.REMOVED;
    return new BlockExplanation(
        blockId,
        fate,
        removal.block,
        removal.reason,
        removal.last.priority(),
        removal.last.numHits(),
        Duration.ofNanos(removal.last.sinceIdleNanos()),
        Duration.ZERO);
  }

  private static BlockExplanation standing(CachedEntry entry, RetentionOrder.Standing now) {
    BlockExplanation.Fate fate = BlockExplanation.Fate.IN_USE;
    if (now.isIdle()) {
      fate = now.pinNanos() > 0 ? BlockExplanation.Fate.PINNED : BlockExplanation.Fate.IDLE;
    }
    return new BlockExplanation(
        BlockHandle.blockId(entry.handle),
        fate,
        entry.block,
        RemovalReason.NONE,
        now.priority(),
        now.numHits(),
        Duration.ofNanos(now.isIdle() ? now.sinceIdleNanos() : 0),
        Duration.ofNanos(now.pinNanos()));
  }

  // Numbers and events.

  /**
   * The prefix cache's numbers now.
   *
   * @return a snapshot
   */
  public PrefixStatistics statistics() {
    return counters.snapshot(index.size());
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
    return order.numCached(tenant);
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
    writing.lock();
    try {
      index.check();
      int numEntries = 0;
      for (int id = 0; id < numBlocks; id++) {
        CachedEntry entry = entryOf.get(id);
        if (entry.hasBlock()) {
          numEntries++;
          requireHolds(
              entry.isLive()
                  && BlockHandle.blockId(entry.handle) == id
                  && blocks.isCached(entry.handle)
                  && index.find(entry.key()).filter(found -> found == entry).isPresent(),
              "an entry is not what the index or the pool says: entry=" + entry);
        }
      }
      requireHolds(
          numEntries == index.size(),
          "entries have no block: numEntries=" + numEntries + ", inIndex=" + index.size());
    } finally {
      writing.unlock();
    }
  }

  private static void requireHolds(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the prefix cache is closed: cache=" + cache);
    }
  }

  /**
   * Makes every block shareable no more and gives the idle ones back to the pool. Sequences stay
   * open and are not published any more. Closing twice is allowed and does nothing.
   */
  @Override
  public void close() {
    writing.lock();
    try {
      if (closed) {
        return;
      }
      var _ = clearLocked();
      closed = true;
      blocks.close();
    } finally {
      writing.unlock();
    }
    events.deliver();
  }

  @Override
  public String toString() {
    return "PrefixCache[" + statistics() + "]";
  }
}
