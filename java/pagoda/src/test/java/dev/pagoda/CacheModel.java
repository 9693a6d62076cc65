package dev.pagoda;

import dev.pagoda.testing.PoolNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a cache should be, in the plainest way: per sequence a list of blocks and the histories of
 * its tokens, see {@link TokenContent}. Who owns a block is found by looking through all lists.
 */
final class CacheModel {
  /** One life of a block. */
  static final class Block {
    /** The pool's number for it; -1 until it was read off the real cache. */
    int id = -1;

    private int owners;
    private long countedAt;
  }

  enum State {
    IDLE,
    BUSY,
    PARKED,
    CLOSED
  }

  /** A sequence beside the real one. */
  static final class Sequence {
    final KvSequence real;
    final List<Block> blocks = new ArrayList<>();
    long[] histories = {};
    State state = State.IDLE;
    long numBlockCopies;

    Sequence(KvSequence real) {
      this.real = real;
    }

    int length() {
      return histories.length;
    }

    @Override
    public String toString() {
      return "#" + real.id();
    }
  }

  /** A sequence's part of a step. */
  static final class Entry {
    final Sequence sequence;
    final long[] added;
    int numBlocksBefore;
    List<Block> original = List.of();

    Entry(Sequence sequence, long[] added) {
      this.sequence = sequence;
      this.added = added;
    }

    int newLength() {
      return sequence.length() + added.length;
    }
  }

  /** A step that has begun. */
  static final class OpenStep {
    final Step real;
    final List<Entry> entries;
    int numLayersWritten;

    OpenStep(Step real, List<Entry> entries) {
      this.real = real;
      this.entries = entries;
    }
  }

  /** Sequences that were parked together, and their tables then. */
  static final class Parking {
    final List<Sequence> sequences;
    final List<List<Block>> tables = new ArrayList<>();

    Parking(List<Sequence> sequences) {
      this.sequences = sequences;
    }

    List<Block> distinctBlocks() {
      return tables.stream().flatMap(List::stream).distinct().toList();
    }

    boolean isWhole() {
      return sequences.stream().allMatch(s -> s.state == State.PARKED);
    }
  }

  final int numBlocks;
  final int blockSize;
  final List<Sequence> sequences = new ArrayList<>();
  final List<OpenStep> steps = new ArrayList<>();

  private long countings;
  private long numForks;
  private long numBlockCopies;
  private long numStepsCommitted;
  private long numStepsRolledBack;
  private long numAllocations;
  private long numRefusals;
  private int peakUsed;

  CacheModel(int numBlocks, int blockSize) {
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
  }

  private int blocksFor(int numTokens) {
    return (numTokens + blockSize - 1) / blockSize;
  }

  // Sequences.

  Sequence open(KvSequence real) {
    Sequence sequence = new Sequence(real);
    sequences.add(sequence);
    return sequence;
  }

  Sequence fork(Sequence parent, int length, KvSequence real) {
    Sequence fork = open(real);
    fork.blocks.addAll(parent.blocks.subList(0, blocksFor(length)));
    fork.histories = Arrays.copyOf(parent.histories, length);
    numForks++;
    return fork;
  }

  void truncate(Sequence sequence, int length) {
    sequence.blocks.subList(blocksFor(length), sequence.blocks.size()).clear();
    sequence.histories = Arrays.copyOf(sequence.histories, length);
  }

  void close(Sequence sequence) {
    sequence.blocks.clear();
    sequence.state = State.CLOSED;
    sequences.remove(sequence);
  }

  // Steps.

  /** Blocks that a step would take; marks the entries that would copy. */
  int needed(List<Entry> entries) {
    int needed = 0;
    Map<Block, List<Entry>> sharers = new LinkedHashMap<>();
    for (Entry entry : entries) {
      Sequence sequence = entry.sequence;
      needed += blocksFor(entry.newLength()) - sequence.blocks.size();
      entry.original = List.of();
      if (sequence.length() % blockSize != 0 && owners(sequence.blocks.getLast()) > 1) {
        sharers.computeIfAbsent(sequence.blocks.getLast(), b -> new ArrayList<>()).add(entry);
      }
    }
    for (Map.Entry<Block, List<Entry>> shared : sharers.entrySet()) {
      List<Entry> writers = shared.getValue();
      if (writers.size() == owners(shared.getKey())) {
        writers.remove(lastOfTheLongest(writers));
      }
      writers.forEach(entry -> entry.original = List.of(shared.getKey()));
      needed += writers.size();
    }
    return needed;
  }

  /** Whoever writes in place must have every token that the others have in the block. */
  private static Entry lastOfTheLongest(List<Entry> entries) {
    Entry longest = entries.getFirst();
    for (Entry entry : entries) {
      if (entry.sequence.length() >= longest.sequence.length()) {
        longest = entry;
      }
    }
    return longest;
  }

  void countRefusal() {
    numRefusals++;
  }

  OpenStep begin(Step real, List<Entry> entries) {
    int taken = needed(entries);
    for (Entry entry : entries) {
      Sequence sequence = entry.sequence;
      entry.numBlocksBefore = sequence.blocks.size();
      if (!entry.original.isEmpty()) {
        sequence.blocks.set(sequence.blocks.size() - 1, new Block());
        sequence.numBlockCopies++;
        numBlockCopies++;
      }
      while (sequence.blocks.size() < blocksFor(entry.newLength())) {
        sequence.blocks.add(new Block());
      }
      sequence.state = State.BUSY;
    }
    OpenStep step = new OpenStep(real, entries);
    steps.add(step);
    countTaken(taken);
    return step;
  }

  void commit(OpenStep step) {
    for (Entry entry : step.entries) {
      Sequence sequence = entry.sequence;
      long[] histories = Arrays.copyOf(sequence.histories, entry.newLength());
      System.arraycopy(entry.added, 0, histories, sequence.histories.length, entry.added.length);
      sequence.histories = histories;
      sequence.state = State.IDLE;
    }
    steps.remove(step);
    numStepsCommitted++;
  }

  void rollback(OpenStep step) {
    for (Entry entry : step.entries) {
      List<Block> blocks = entry.sequence.blocks;
      blocks.subList(entry.numBlocksBefore, blocks.size()).clear();
      if (!entry.original.isEmpty()) {
        blocks.set(blocks.size() - 1, entry.original.getFirst());
      }
      entry.sequence.state = State.IDLE;
    }
    steps.remove(step);
    numStepsRolledBack++;
  }

  // Parking.

  Parking park(List<Sequence> group) {
    Parking parking = new Parking(List.copyOf(group));
    for (Sequence sequence : group) {
      parking.tables.add(List.copyOf(sequence.blocks));
      sequence.blocks.clear();
      sequence.state = State.PARKED;
    }
    return parking;
  }

  void unpark(Parking parking) {
    Map<Block, Block> newLives = new LinkedHashMap<>();
    for (int i = 0; i < parking.tables.size(); i++) {
      Sequence sequence = parking.sequences.get(i);
      for (Block block : parking.tables.get(i)) {
        sequence.blocks.add(newLives.computeIfAbsent(block, b -> new Block()));
      }
      sequence.state = State.IDLE;
    }
    countTaken(newLives.size());
  }

  void unparkEmpty(Parking parking) {
    for (Sequence sequence : parking.sequences) {
      sequence.histories = new long[0];
      sequence.state = State.IDLE;
    }
  }

  /** Blocks that were taken and given back again. */
  void countTakenInVain(int taken) {
    numAllocations += taken;
    peakUsed = Math.max(peakUsed, numUsed() + taken);
  }

  private void countTaken(int taken) {
    numAllocations += taken;
    peakUsed = Math.max(peakUsed, numUsed());
  }

  // What follows from the lists.

  private int owners(Block block) {
    countOwners();
    return block.owners;
  }

  int numFree() {
    return numBlocks - numUsed();
  }

  private int numUsed() {
    return countOwners().size();
  }

  /** Every block that is owned: by a sequence, or by a step that may have to give it back. */
  List<Block> countOwners() {
    countings++;
    List<Block> used = new ArrayList<>();
    for (Sequence sequence : sequences) {
      for (Block block : sequence.blocks) {
        count(block, used);
      }
    }
    for (OpenStep step : steps) {
      for (Entry entry : step.entries) {
        for (Block block : entry.original) {
          count(block, used);
        }
      }
    }
    return Collections.unmodifiableList(used);
  }

  private void count(Block block, List<Block> used) {
    if (block.countedAt != countings) {
      block.countedAt = countings;
      block.owners = 0;
      used.add(block);
    }
    block.owners++;
  }

  CacheStatistics statistics(long blockBytes) {
    List<Block> used = countOwners();
    long numReferences = 0;
    int numShared = 0;
    for (Block block : used) {
      numReferences += block.owners;
      numShared += block.owners > 1 ? 1 : 0;
    }
    long numTokens = 0;
    for (Sequence sequence : sequences) {
      numTokens += sequence.state == State.PARKED ? 0 : sequence.length();
    }
    return new CacheStatistics(
        PoolNumbers.uncached(
            numBlocks,
            numBlocks - used.size(),
            0,
            numShared,
            numReferences,
            peakUsed,
            numAllocations,
            numRefusals),
        blockBytes,
        sequences.size(),
        numTokens,
        numForks,
        numBlockCopies,
        numStepsCommitted,
        numStepsRolledBack);
  }
}
