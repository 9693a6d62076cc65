package dev.pagoda;

import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockTable;
import dev.pagoda.memory.KvStorage;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Takes the blocks of a group of sequences away and gives them back.
 *
 * <p>Content moves outside the cache's lock. What keeps it still meanwhile: on the way out the
 * sequences are marked busy and keep their references, on the way in the new blocks belong to
 * nobody else.
 */
final class Parking {
  private final PagedKvCache cache;
  private final List<KvSequence> group;

  Parking(PagedKvCache cache, List<KvSequence> group) {
    this.cache = cache;
    this.group = List.copyOf(group);
  }

  ParkedGroup park(BlockMover mover) {
    requireDistinct();
    Map<Integer, Integer> numberOf = new HashMap<>();
    int[][] tables = new int[group.size()][];
    requireUsable();
    markAll(KvSequence.State.IDLE, KvSequence.State.BUSY);
    try {
      for (int i = 0; i < tables.length; i++) {
        tables[i] = cache.blockIds(group.get(i));
        for (int j = 0; j < tables[i].length; j++) {
          int next = numberOf.size();
          tables[i][j] = numberOf.computeIfAbsent(tables[i][j], id -> next);
        }
      }
      int[] blockIds = new int[numberOf.size()];
      numberOf.forEach((id, number) -> blockIds[number] = id);
      mover.move(cache.storage(), blockIds);
    } catch (Throwable refused) {
      markAll(KvSequence.State.BUSY, KvSequence.State.IDLE);
      throw refused;
    }
    cache.lock().lock();
    try {
      long parking = cache.nextParking();
      for (KvSequence sequence : group) {
        sequence.table.truncate(0);
        sequence.state = KvSequence.State.PARKED;
        sequence.parking = parking;
        cache.addTokens(-sequence.length());
      }
      return new ParkedGroup(parking, group, numberOf.size(), tables);
    } finally {
      cache.lock().unlock();
    }
  }

  void unpark(ParkedGroup parked, BlockMover mover) {
    KvStorage storage = cache.storage();
    long[] handles = new long[parked.numBlocks()];
    claim(parked);
    try {
      cache.pool().allocate(handles, 0, handles.length);
      try {
        int[] blockIds = new int[handles.length];
        for (int i = 0; i < blockIds.length; i++) {
          blockIds[i] = BlockHandle.blockId(handles[i]);
        }
        mover.move(storage, blockIds);
      } catch (Throwable refused) {
        cache.pool().release(handles, 0, handles.length);
        throw refused;
      }
    } catch (Throwable refused) {
      markAll(KvSequence.State.BUSY, KvSequence.State.PARKED);
      throw refused;
    }
    cache.lock().lock();
    try {
      handOut(handles, parked.tables());
    } finally {
      cache.lock().unlock();
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
      cache.addTokens(sequence.length());
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

  private void claim(ParkedGroup parked) {
    cache.lock().lock();
    try {
      cache.requireUsable();
      cache.requireParked(parked);
      for (KvSequence sequence : group) {
        sequence.state = KvSequence.State.BUSY;
      }
    } finally {
      cache.lock().unlock();
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
        cache.requireState(sequence, from);
      }
      for (KvSequence sequence : group) {
        sequence.state = to;
      }
    } finally {
      cache.lock().unlock();
    }
  }
}
