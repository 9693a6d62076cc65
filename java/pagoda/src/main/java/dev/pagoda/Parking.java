package dev.pagoda;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockTable;
import dev.pagoda.block.OutOfBlocksException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Takes the blocks of a group of sequences away and gives them back.
 *
 * <p>One block index cuts all tables of the group: blocks before it stay, blocks from it on go.
 * Sequences come to share by forking alone, so that a shared block has the same index in each
 * table, and goes or stays for all of them.
 *
 * <p>Content moves outside the cache's lock. What keeps it still meanwhile: on the way out the
 * sequences are marked busy and keep their references, on the way in the new blocks belong to
 * nobody else, and either way they are pinned until the copies have passed, whatever becomes of the
 * references.
 *
 * <p>Whatever needs memory is done before the first change that somebody else could see; what
 * follows are loops by index over what is there, without an iterator.
 */
final class Parking {
  private static final long NO_PARKING = -1;
  private static final long[] NO_HANDLES = {};

  private final PagedKvCache cache;
  private final List<KvSequence> group;

  Parking(PagedKvCache cache, List<KvSequence> group) {
    this.cache = cache;
    this.group = List.copyOf(group);
  }

  ParkedGroup park(int firstBlockIndex, BlockMover mover) {
    requireDistinct();
    requireUsable();
    requireIndex(firstBlockIndex, Integer.MAX_VALUE);
    markAll(KvSequence.State.IDLE, KvSequence.State.BUSY);
    ParkedGroup parked;
    try {
      ParkedGroup.Tables tables = number(firstBlockIndex, 0);
      int[] lengths = new int[group.size()];
      Arrays.setAll(lengths, i -> group.get(i).length());
      parked = new ParkedGroup(group, tables, lengths, nextParking());
      moveOut(parked, handles(tables, 0), mover);
    } catch (Throwable refused) {
      markBack(KvSequence.State.IDLE);
      throw refused;
    }
    cache.lock().lock();
    try {
      for (int i = 0; i < group.size(); i++) {
        cache.sequences().addTokens(-group.get(i).length());
        group.get(i).reservation.park();
      }
      cutOff(parked);
      return parked;
    } finally {
      cache.lock().unlock();
    }
  }

  private void moveOut(ParkedGroup parked, long[] handles, BlockMover mover) {
    int[] blockIds = blockIds(handles);
    cache.supply().move(handles, () -> mover.move(cache.storage(), blockIds));
    mover.leaving(parked);
  }

  private long nextParking() {
    cache.lock().lock();
    try {
      return cache.sequences().nextParking();
    } finally {
      cache.lock().unlock();
    }
  }

  ParkedGroup parkMore(ParkedGroup parked, int firstBlockIndex, BlockMover mover) {
    requireIndex(firstBlockIndex, parked.firstBlockIndex());
    var _ = claim(parked);
    ParkedGroup all;
    try {
      ParkedGroup.Tables more = number(firstBlockIndex, parked.numBlocks());
      all = new ParkedGroup(group, joined(more, parked), lengths(parked), nextParking());
      moveOut(all, handles(more, parked.numBlocks()), mover);
    } catch (Throwable refused) {
      markBack(KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      cutOff(all);
      return all;
    } finally {
      cache.lock().unlock();
    }
  }

  private static int[] lengths(ParkedGroup parked) {
    int[] lengths = new int[parked.sequences().size()];
    Arrays.setAll(lengths, parked::length);
    return lengths;
  }

  /**
   * Numbers of the blocks that stay after all, and behind them those of blocks that left before.
   */
  private static ParkedGroup.Tables joined(ParkedGroup.Tables more, ParkedGroup parked) {
    int[][] numbers = new int[more.numbers().length][];
    for (int i = 0; i < numbers.length; i++) {
      int[] before = parked.tables()[i];
      int[] ahead = more.numbers()[i];
      numbers[i] = Arrays.copyOf(ahead, ahead.length + before.length);
      System.arraycopy(before, 0, numbers[i], ahead.length, before.length);
    }
    return new ParkedGroup.Tables(more.firstBlockIndex(), more.numBlocks(), numbers, more.heads());
  }

  /** What {@link #parkMore} would return, for counting: to every other call it is a stranger. */
  ParkedGroup asIfParkedFrom(ParkedGroup parked, int firstBlockIndex) {
    requireIndex(firstBlockIndex, parked.firstBlockIndex());
    cache.lock().lock();
    try {
      for (KvSequence sequence : group) {
        cache.sequences().requireState(sequence, KvSequence.State.PARKED);
        requireParking(sequence, parked);
      }
      ParkedGroup.Tables more = number(firstBlockIndex, parked.numBlocks());
      return new ParkedGroup(group, joined(more, parked), lengths(parked), NO_PARKING);
    } finally {
      cache.lock().unlock();
    }
  }

  /**
   * How many blocks parking would make available: those that nobody outside the group holds, and no
   * prefix cache keeps for some time.
   */
  int numFreed(int firstBlockIndex) {
    cache.lock().lock();
    try {
      Map<Long, Integer> inGroup = new HashMap<>();
      for (KvSequence sequence : group) {
        if (sequence.cache() != cache) {
          throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
        }
        for (int i = firstBlockIndex; i < sequence.table.numBlocks(); i++) {
          inGroup.merge(sequence.table.handle(i), 1, Integer::sum);
        }
      }
      int numFreed = 0;
      for (Map.Entry<Long, Integer> block : inGroup.entrySet()) {
        long handle = block.getKey();
        boolean isFreed =
            cache.pool().referenceCount(handle) == block.getValue()
                && cache.pool().wouldBeAvailable(handle);
        numFreed += isFreed ? 1 : 0;
      }
      return numFreed;
    } finally {
      cache.lock().unlock();
    }
  }

  private static void requireIndex(int firstBlockIndex, int end) {
    if (firstBlockIndex < 0 || firstBlockIndex >= end) {
      throw new IllegalArgumentException(
          "no block before that index is here: end="
              + end
              + ", firstBlockIndex="
              + firstBlockIndex);
    }
  }

  /** Numbers the distinct blocks of the group from an index on. */
  private ParkedGroup.Tables number(int firstBlockIndex, int firstNumber) {
    Map<Integer, Integer> numberOf = new HashMap<>();
    int[][] numbers = new int[group.size()][];
    int[][] kepts = new int[numbers.length][];
    int[] heads = new int[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      int[] ids = new int[group.get(i).table.numBlocks()];
      group.get(i).table.copyIds(ids, 0);
      int kept = Math.min(firstBlockIndex, ids.length);
      kepts[i] = Arrays.copyOf(ids, kept);
      while (!Arrays.equals(kepts[heads[i]], kepts[i])) {
        heads[i]++;
      }
      numbers[i] = Arrays.copyOfRange(ids, kept, ids.length);
      for (int j = 0; j < numbers[i].length; j++) {
        int next = firstNumber + numberOf.size();
        numbers[i][j] = numberOf.computeIfAbsent(numbers[i][j], id -> next);
      }
    }
    return new ParkedGroup.Tables(firstBlockIndex, firstNumber + numberOf.size(), numbers, heads);
  }

  /** The blocks behind the numbers, those from the first one on. */
  private long[] handles(ParkedGroup.Tables tables, int firstNumber) {
    long[] handles = new long[tables.numBlocks() - firstNumber];
    for (int i = 0; i < group.size(); i++) {
      BlockTable table = group.get(i).table; // nobody else changes it while the sequence is busy
      int[] numbers = tables.numbers()[i];
      int first = Math.min(tables.firstBlockIndex(), table.numBlocks());
      for (int j = 0; first + j < table.numBlocks(); j++) {
        handles[numbers[j] - firstNumber] = table.handle(first + j);
      }
    }
    return handles;
  }

  private static int[] blockIds(long[] handles) {
    return Arrays.stream(handles).mapToInt(BlockHandle::blockId).toArray();
  }

  /** Drops the references of what was moved. Cannot fail. */
  private void cutOff(ParkedGroup parked) {
    for (int i = 0; i < group.size(); i++) {
      KvSequence sequence = group.get(i);
      var _ =
          sequence.table.truncate(Math.min(parked.firstBlockIndex(), sequence.table.numBlocks()));
      sequence.state = KvSequence.State.PARKED;
      sequence.parking = parked.parking();
    }
  }

  void unpark(ParkedGroup parked, BlockMover mover) {
    int numBlocks = parked.numBlocks();
    Resumption resumption = claim(parked);
    long[] handles = NO_HANDLES;
    boolean[] givenAway;
    try {
      givenAway = new boolean[numBlocks];
      for (int i = 0; i < group.size(); i++) {
        BlockTable table = group.get(i).table;
        table.ensureRoom(table.numBlocks() + parked.tables()[i].length);
      }
      handles = allocate(numBlocks, resumption.total());
      long[] targets = Arrays.copyOf(handles, numBlocks);
      int[] blockIds = blockIds(targets);
      cache.supply().move(targets, () -> mover.move(cache.storage(), blockIds));
    } catch (Throwable refused) {
      var _ = cache.pool().release(handles, 0, handles.length);
      markBack(KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      // The blocks that reservations had left were allocated with the others: now they are
      // promised.
      var _ = cache.pool().release(handles, numBlocks, handles.length, resumption.total());
      resumption.complete();
      for (int i = 0; i < group.size(); i++) {
        group.get(i).reservation.unpark();
      }
      handOut(handles, givenAway, parked.tables());
    } finally {
      cache.lock().unlock();
    }
  }

  private long[] allocate(int numBlocks, int numPromised) {
    try {
      cache.pool().requireCapacity((long) numBlocks + numPromised);
      long[] handles = new long[numBlocks + numPromised];
      cache.supply().take(handles);
      return handles;
    } catch (OutOfBlocksException tooFew) {
      BlockSupply.tellExhausted(tooFew);
      throw tooFew;
    }
  }

  /** Cannot fail: the tables have room. */
  private void handOut(long[] handles, boolean[] givenAway, int[][] tables) {
    for (int i = 0; i < tables.length; i++) {
      KvSequence sequence = group.get(i);
      BlockTable table = sequence.table;
      for (int number : tables[i]) {
        if (givenAway[number]) {
          cache.pool().retain(handles, number, number + 1);
        }
        givenAway[number] = true;
        table.append(handles[number]);
      }
      sequence.state = KvSequence.State.IDLE;
      cache.sequences().addTokens(sequence.length());
    }
  }

  void unparkEmpty(ParkedGroup parked) {
    Resumption resumption = claim(parked);
    try {
      cache.supply().promise(resumption.total());
    } catch (Throwable refused) {
      markBack(KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      resumption.complete();
      for (int i = 0; i < group.size(); i++) {
        KvSequence sequence = group.get(i);
        sequence.reservation.unpark();
        int kept = sequence.table.numBlocks() * cache.shape().blockSize();
        sequence.setLength(Math.min(sequence.length(), kept));
        sequence.state = KvSequence.State.IDLE;
        cache.sequences().addTokens(sequence.length());
      }
      for (int i = 0; i < group.size(); i++) {
        tellShortened(group.get(i));
      }
    } finally {
      cache.lock().unlock();
    }
  }

  private static void tellShortened(KvSequence sequence) {
    if (sequence.length() == 0) {
      sequence.observer().dropped();
    } else {
      sequence.observer().truncated(sequence.length());
    }
  }

  /** Needs no memory, so that it can always take back what {@link #unparkEmpty} did. */
  static void parkAgain(
      PagedKvCache cache, ParkedGroup parked, List<BlockReservation> reservations) {
    List<KvSequence> group = parked.sequences();
    cache.lock().lock();
    try {
      cache.requireOpen();
      for (int i = 0; i < group.size(); i++) {
        cache.sequences().requireIdle(group.get(i));
        requireParking(group.get(i), parked);
        if (group.get(i).table.numBlocks() < numKept(cache, parked, i)) {
          throw new IllegalStateException(
              "blocks that the sequence had kept are gone: numKept="
                  + numKept(cache, parked, i)
                  + ", sequence="
                  + group.get(i));
        }
      }
      for (int i = 0; i < group.size(); i++) {
        KvSequence sequence = group.get(i);
        var _ = sequence.table.truncate(numKept(cache, parked, i));
        cache.sequences().addTokens(-sequence.length());
        sequence.setLength(parked.length(i));
        sequence.parkFor(reservations.get(i));
      }
    } finally {
      cache.lock().unlock();
    }
  }

  private static int numKept(PagedKvCache cache, ParkedGroup parked, int index) {
    return Math.min(cache.shape().blocksFor(parked.length(index)), parked.firstBlockIndex());
  }

  private Resumption claim(ParkedGroup parked) {
    cache.lock().lock();
    try {
      cache.requireUsable();
      for (KvSequence sequence : group) {
        cache.sequences().requireState(sequence, KvSequence.State.PARKED);
        requireParking(sequence, parked);
      }
      Resumption resumption = Resumption.of(cache, group);
      for (int i = 0; i < group.size(); i++) {
        group.get(i).state = KvSequence.State.BUSY;
      }
      return resumption;
    } finally {
      cache.lock().unlock();
    }
  }

  private static void requireParking(KvSequence sequence, ParkedGroup parked) {
    if (sequence.parking != parked.parking()) {
      throw new IllegalStateException(
          "the sequence was parked again since, in another group: sequence=" + sequence);
    }
  }

  private void requireDistinct() {
    if (group.isEmpty()) {
      throw new IllegalArgumentException("there is nothing to park: numSequences=0");
    }
    Set<KvSequence> seen = new HashSet<>();
    for (KvSequence sequence : group) {
      if (!seen.add(sequence)) {
        throw new IllegalArgumentException("a sequence is given twice: sequence=" + sequence);
      }
    }
  }

  private void requireUsable() {
    cache.lock().lock();
    try {
      cache.requireUsable();
    } finally {
      cache.lock().unlock();
    }
  }

  private void markAll(KvSequence.State from, KvSequence.State to) {
    cache.lock().lock();
    try {
      cache.requireOpen();
      for (int i = 0; i < group.size(); i++) {
        cache.sequences().requireState(group.get(i), from);
      }
      for (int i = 0; i < group.size(); i++) {
        group.get(i).state = to;
      }
    } finally {
      cache.lock().unlock();
    }
  }

  /** Nobody else touches a busy sequence, so that nothing can be in the way. */
  private void markBack(KvSequence.State before) {
    cache.lock().lock();
    try {
      for (int i = 0; i < group.size(); i++) {
        group.get(i).state = before;
      }
    } finally {
      cache.lock().unlock();
    }
  }
}
