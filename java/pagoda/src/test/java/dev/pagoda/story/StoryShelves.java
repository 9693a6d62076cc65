package dev.pagoda.story;

import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.Retention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/** What a prefix cache should have: shareable blocks by what they contain. */
final class StoryShelves {
  /** A block whose first tokens are the next ones. */
  record Head(Shelf shelf, int numTokens) {
    static final Head NONE = new Head(Shelf.NONE, 0);
  }

  /** A full block of a prompt: on a shelf, or in a tier below if it says so. */
  record Place(Optional<Shelf> shelf, long parent, long[] histories, int[] ids) {}

  final Map<Long, Shelf> all = new LinkedHashMap<>();
  final StoryEvictions evictions;
  long numDuplicates;
  long numQuotaRefusals;
  long numPublished;
  long numQuotaRemovals;
  private final StoryPool pool;
  private final StoryTiers tiers;
  private final int blockSize;
  private final boolean headHits;
  private final Optional<Integer> quota; // anna's
  private final LongSupplier nanos;

  StoryShelves(
      StoryPool pool,
      StoryTiers tiers,
      int blockSize,
      boolean headHits,
      Optional<Integer> quota,
      LongSupplier nanos) {
    this.pool = pool;
    this.tiers = tiers;
    this.blockSize = blockSize;
    this.headHits = headHits;
    this.quota = quota;
    this.nanos = nanos;
    evictions = new StoryEvictions(pool.numBlocks, tiers);
  }

  void unshelve(Shelf shelf) {
    leave(shelf);
    evictions.add(List.of(shelf));
  }

  private void leave(Shelf shelf) {
    shelf.live = false;
    shelf.block.shelf = Shelf.NONE;
    all.remove(shelf.history());
  }

  /** As removal by name does: an idle block becomes free. */
  void unshelveAndFree(Shelf shelf) {
    unshelve(shelf);
    pool.unshelved(shelf.block);
  }

  /** Some are taken off in no particular order. */
  void clear(Predicate<Shelf> covered) {
    List<Shelf> gone = all.values().stream().filter(covered).toList();
    evictions.add(gone);
    gone.forEach(this::leaveAndFree);
  }

  /** All are taken off, and nobody remembers them. */
  void clear() {
    List.copyOf(all.values()).forEach(this::leaveAndFree);
  }

  private void leaveAndFree(Shelf shelf) {
    leave(shelf);
    pool.unshelved(shelf.block);
  }

  /**
   * What was given up for a request that failed is shareable again, and as old as it was.
   *
   * @param idleBefore all that was idle before the request, in order
   * @param numLost so many of those that were given up, the first ones, were overwritten
   * @return how many were put back
   */
  int putBack(List<Shelf> idleBefore, int numLost) {
    List<Shelf> back =
        idleBefore.stream()
            .filter(shelf -> !shelf.live)
            .sorted(Comparator.comparingInt(shelf -> shelf.priority))
            .skip(numLost)
            .toList();
    pool.idle.clear();
    for (Shelf shelf : idleBefore) {
      if (back.contains(shelf)) {
        Shelf again =
            new Shelf(shelf.tenant, shelf.parent, shelf.histories, shelf.ids, shelf.block);
        again.priority = shelf.priority;
        shelf.block.shelf = again;
        all.put(again.history(), again);
        evictions.remove(again);
        pool.numFree--;
      }
      if (shelf.block.shelf != Shelf.NONE) {
        pool.idle.add(shelf.block);
      }
    }
    return back.size();
  }

  /** The first full blocks of some tokens, as long as they are on shelves or, if asked, below. */
  List<Place> find(Tokens tokens, int numUsable, boolean below) {
    List<Place> found = new ArrayList<>();
    while ((found.size() + 1) * blockSize <= numUsable) {
      int from = found.size() * blockSize;
      long[] histories = tokens.histories(from, from + blockSize);
      long last = histories[blockSize - 1];
      Optional<Shelf> shelf = Optional.ofNullable(all.get(last));
      if (shelf.isEmpty() && !(below && tiers.claim(last))) {
        break;
      }
      found.add(
          new Place(shelf, tokens.before(from), histories, tokens.ids(from, from + blockSize)));
    }
    return found;
  }

  Head findHead(Tokens tokens, int from, int to) {
    return headHits ? longestHead(tokens, from, to) : Head.NONE;
  }

  private Head longestHead(Tokens tokens, int from, int to) {
    int[] wanted = tokens.ids(from, Math.min(to, from + blockSize));
    if (wanted.length == 0) {
      return Head.NONE;
    }
    long parent = tokens.before(from);
    Head below = Head.NONE;
    Head above = Head.NONE;
    for (Shelf shelf : all.values()) {
      if (shelf.parent != parent) {
        continue;
      }
      int differs = Arrays.mismatch(wanted, shelf.ids);
      Head head = new Head(shelf, differs < 0 ? wanted.length : differs);
      int order = Arrays.compare(shelf.ids, wanted);
      if (order <= 0
          && (below.shelf == Shelf.NONE || Arrays.compare(shelf.ids, below.shelf.ids) > 0)) {
        below = head;
      }
      if (order >= 0
          && (above.shelf == Shelf.NONE || Arrays.compare(shelf.ids, above.shelf.ids) < 0)) {
        above = head;
      }
    }
    Head best = below.numTokens > above.numTokens ? below : above;
    return best.numTokens == 0 ? Head.NONE : best;
  }

  /**
   * Why no more was found of some tokens than so many full blocks: one answer, or several if it
   * depends on what is remembered.
   */
  Set<MissReason> missReasons(Tokens tokens, int numFound, int numUsable) {
    int from = numFound * blockSize;
    int numLeft = Math.min(blockSize, numUsable - from);
    int numCommon = longestHead(tokens, from, numUsable).numTokens();
    if (numLeft == 0 || (headHits && numCommon == numLeft)) {
      return EnumSet.of(MissReason.NONE);
    }
    MissReason otherwise =
        numCommon > 0 ? MissReason.SHORTER_THAN_BLOCK : MissReason.NO_SHARED_PREFIX;
    if (numLeft < blockSize) {
      return EnumSet.of(otherwise);
    }
    if (numCommon == 0 && from == 0 && isFirstBlockOfAny(tokens.ids(0, blockSize))) {
      otherwise = MissReason.OTHER_NAMESPACE;
    }
    long missing = tokens.histories(from, from + blockSize)[blockSize - 1];
    return evictions.reasons(missing, otherwise);
  }

  private boolean isFirstBlockOfAny(int[] ids) {
    return all.values().stream()
        .anyMatch(shelf ->
            shelf.parent == Tenants.historyBefore(shelf.tenant) && Arrays.equals(shelf.ids, ids));
  }

  void raise(Shelf shelf, Retention retention) {
    shelf.priority = Math.max(shelf.priority, retention.priority());
    pin(shelf, retention.pin().toNanos());
  }

  void pin(Shelf shelf, long pinNanos) {
    if (pinNanos > 0) {
      shelf.pinnedUntil = Math.max(shelf.pinnedUntil, nanos.getAsLong() + pinNanos);
    }
  }

  /** Makes full blocks whose ids were told shareable. Returns how many became so. */
  int publish(StorySequence sequence, Tokens told, int length, OpenOptions options, long epoch) {
    int numFull = Math.min(told.length(), length) / blockSize;
    List<Shelf> chain = sequence.chain;
    int first = 0;
    while (first < Math.min(numFull, chain.size()) && chain.get(first).live) {
      first++;
    }
    if (sequence.epoch != epoch || first >= numFull) {
      return 0;
    }
    chain.subList(first, chain.size()).clear();
    // The real one holds references meanwhile, which keeps duplicates apart from victims.
    List<StoryBlock> held = List.copyOf(sequence.blocks.subList(first, numFull));
    held.forEach(pool::retain);
    int before = all.size();
    long removed = numQuotaRemovals;
    for (int i = first; i < numFull; i++) {
      int from = i * blockSize;
      Place place =
          new Place(
              Optional.empty(),
              told.before(from),
              told.histories(from, from + blockSize),
              told.ids(from, from + blockSize));
      Optional<Shelf> shelf =
          shelve(sequence.tenant, place, sequence.blocks.get(i), options.retention());
      if (shelf.isEmpty()) {
        break;
      }
      chain.add(shelf.get());
    }
    held.reversed().forEach(pool::release);
    int published = all.size() - before + Math.toIntExact(numQuotaRemovals - removed);
    numPublished += published;
    return published;
  }

  /** The shelf that has a content now; none if it was refused. */
  Optional<Shelf> shelve(String tenant, Place place, StoryBlock block, Retention retention) {
    Shelf there = all.get(place.histories[blockSize - 1]);
    if (there != null) {
      numDuplicates += there.block == block ? 0 : 1;
      pool.retain(there.block);
      raise(there, retention);
      pool.release(there.block);
      return Optional.of(there);
    }
    if (block.shelf != Shelf.NONE) {
      return Optional.empty();
    }
    if (!makeRoomFor(tenant)) {
      numQuotaRefusals++;
      return Optional.empty();
    }
    Shelf shelf = new Shelf(tenant, place.parent, place.histories, place.ids, block);
    raise(shelf, retention);
    block.shelf = shelf;
    all.put(shelf.history(), shelf);
    evictions.remove(shelf);
    return Optional.of(shelf);
  }

  private boolean makeRoomFor(String tenant) {
    if (quota.isEmpty() || !isAnnas(tenant)) {
      return true;
    }
    while (numOfAnna() >= quota.get()) {
      List<StoryBlock> its = pool.idle.stream().filter(b -> isAnnas(b.shelf.tenant)).toList();
      if (its.isEmpty()) {
        return false;
      }
      unshelveAndFree(StoryPool.victim(its).shelf);
      numQuotaRemovals++;
    }
    return true;
  }

  long numOfAnna() {
    return all.values().stream().filter(shelf -> isAnnas(shelf.tenant)).count();
  }

  private static boolean isAnnas(String tenant) {
    return Tenants.namespace(tenant).name().equals("anna");
  }
}
