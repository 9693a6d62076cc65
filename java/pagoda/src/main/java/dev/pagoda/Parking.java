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
 */
final class Parking {
  private static final long NO_PARKING = -1;

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
    ParkedGroup.Tables tables;
    try {
      tables = number(firstBlockIndex, 0);
      long[] handles = handles(tables, 0);
      cache.supply().move(handles, () -> mover.move(cache.storage(), blockIds(handles)));
    } catch (Throwable refused) {
      markAll(KvSequence.State.BUSY, KvSequence.State.IDLE);
      throw refused;
    }
    cache.lock().lock();
    try {
      for (KvSequence sequence : group) {
        cache.sequences().addTokens(-sequence.length());
        sequence.reservation.park();
      }
      int[] lengths = group.stream().mapToInt(KvSequence::length).toArray();
      return cutOff(tables, lengths);
    } finally {
      cache.lock().unlock();
    }
  }

  ParkedGroup parkMore(ParkedGroup parked, int firstBlockIndex, BlockMover mover) {
    requireIndex(firstBlockIndex, parked.firstBlockIndex());
    int[] lengths = new int[group.size()];
    Arrays.setAll(lengths, parked::length);
    var _ = claim(parked);
    ParkedGroup.Tables tables;
    try {
      ParkedGroup.Tables more = number(firstBlockIndex, parked.numBlocks());
      long[] handles = handles(more, parked.numBlocks());
      cache.supply().move(handles, () -> mover.move(cache.storage(), blockIds(handles)));
      tables = joined(more, parked);
    } catch (Throwable refused) {
      markAll(KvSequence.State.BUSY, KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      return cutOff(tables, lengths);
    } finally {
      cache.lock().unlock();
    }
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
      int[] lengths = new int[group.size()];
      Arrays.setAll(lengths, parked::length);
      ParkedGroup.Tables more = number(firstBlockIndex, parked.numBlocks());
      return new ParkedGroup(group, joined(more, parked), lengths, NO_PARKING);
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
  private ParkedGroup cutOff(ParkedGroup.Tables tables, int[] lengths) {
    long parking = cache.sequences().nextParking();
    for (KvSequence sequence : group) {
      int kept = Math.min(tables.firstBlockIndex(), sequence.table.numBlocks());
      sequence.table.truncate(kept);
      sequence.state = KvSequence.State.PARKED;
      sequence.parking = parking;
    }
    return new ParkedGroup(group, tables, lengths, parking);
  }

  void unpark(ParkedGroup parked, BlockMover mover) {
    int numBlocks = parked.numBlocks();
    Resumption resumption = claim(parked);
    long[] handles = new long[0];
    try {
      handles = allocate(numBlocks, resumption.total());
      long[] targets = Arrays.copyOf(handles, numBlocks);
      cache.supply().move(targets, () -> mover.move(cache.storage(), blockIds(targets)));
    } catch (Throwable refused) {
      var _ = cache.pool().release(handles, 0, handles.length);
      markAll(KvSequence.State.BUSY, KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      // The blocks that reservations had left were allocated with the others: now they are
      // promised.
      var _ = cache.pool().release(handles, numBlocks, handles.length, resumption.total());
      resumption.complete();
      group.forEach(sequence -> sequence.reservation.unpark());
      handOut(handles, parked.tables());
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

  private void handOut(long[] handles, int[][] tables) {
    boolean[] givenAway = new boolean[handles.length];
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
      markAll(KvSequence.State.BUSY, KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      resumption.complete();
      for (KvSequence sequence : group) {
        sequence.reservation.unpark();
        int kept = sequence.table.numBlocks() * cache.shape().blockSize();
        sequence.setLength(Math.min(sequence.length(), kept));
        sequence.state = KvSequence.State.IDLE;
        cache.sequences().addTokens(sequence.length());
        if (sequence.length() == 0) {
          sequence.observer().dropped();
        } else {
          sequence.observer().truncated(sequence.length());
        }
      }
    } finally {
      cache.lock().unlock();
    }
  }

  void parkAgain(ParkedGroup parked) {
    cache.lock().lock();
    try {
      cache.requireOpen();
      for (int i = 0; i < group.size(); i++) {
        cache.sequences().requireIdle(group.get(i));
        requireParking(group.get(i), parked);
        if (group.get(i).table.numBlocks() < numKept(parked, i)) {
          throw new IllegalStateException(
              "blocks that the sequence had kept are gone: numKept="
                  + numKept(parked, i)
                  + ", sequence="
                  + group.get(i));
        }
      }
      for (int i = 0; i < group.size(); i++) {
        KvSequence sequence = group.get(i);
        sequence.table.truncate(numKept(parked, i));
        cache.sequences().addTokens(-sequence.length());
        sequence.setLength(parked.length(i));
        sequence.state = KvSequence.State.PARKED;
        sequence.reservation.park();
      }
    } finally {
      cache.lock().unlock();
    }
  }

  private int numKept(ParkedGroup parked, int index) {
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
      group.forEach(sequence -> sequence.state = KvSequence.State.BUSY);
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
      for (KvSequence sequence : group) {
        cache.sequences().requireState(sequence, from);
      }
      for (KvSequence sequence : group) {
        sequence.state = to;
      }
    } finally {
      cache.lock().unlock();
    }
  }
}
