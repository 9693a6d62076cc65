package dev.pagoda.story;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** What a pool of blocks should be: counts, and the idle blocks in the order of their age. */
final class StoryPool {
  final int numBlocks;
  int numFree;
  int numReserved;
  long numReferences;
  long numAllocations;
  long numReclaimed;
  long numRefusals;

  /** Idle blocks in the order in which they became so, and those that are pinned. */
  final List<StoryBlock> idle = new ArrayList<>();

  final List<StoryBlock> pinnedIdle = new ArrayList<>();

  private final StoryBlock[] lastSeenAs;
  private final Consumer<Shelf> evicted;
  private final LongSupplier nanos;

  StoryPool(int numBlocks, Consumer<Shelf> evicted, LongSupplier nanos) {
    this.numBlocks = numBlocks;
    this.evicted = evicted;
    this.nanos = nanos;
    numFree = numBlocks;
    lastSeenAs = new StoryBlock[numBlocks];
    Arrays.fill(lastSeenAs, new StoryBlock());
  }

  int numReclaimable() {
    return idle.size();
  }

  int numUnreserved() {
    return numFree - numReserved;
  }

  int numAvailable() {
    return numUnreserved() + idle.size();
  }

  /** Whether so many can be had besides those that were promised; counts a refusal if not. */
  boolean hasRoomFor(int count) {
    boolean hasRoom = count <= numUnreserved() || count <= numAvailable();
    numRefusals += hasRoom ? 0 : 1;
    return hasRoom;
  }

  /** Takes blocks for which there is room, some of which were promised. */
  List<StoryBlock> take(int count, int numPromised) {
    numReserved -= numPromised;
    giveUp(Math.max(0, count - numUnreserved()));
    List<StoryBlock> taken = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      StoryBlock block = new StoryBlock();
      block.owners = 1;
      taken.add(block);
    }
    numFree -= count;
    numReferences += count;
    numAllocations += count;
    return taken;
  }

  /** Reserves blocks for which there is room. */
  void promise(int count) {
    if (count > numUnreserved()) {
      giveUp(count - numUnreserved());
      numAllocations += count; // taken and given back
    }
    numReserved += count;
  }

  private void giveUp(int count) {
    for (int i = 0; i < count; i++) {
      StoryBlock victim = victim(idle);
      idle.remove(victim);
      evicted.accept(victim.shelf);
      numFree++;
      numReclaimed++;
    }
  }

  static StoryBlock victim(List<StoryBlock> candidates) {
    StoryBlock victim = candidates.getFirst();
    for (StoryBlock block : candidates) {
      if (block.shelf.priority < victim.shelf.priority) {
        victim = block;
      }
    }
    return victim;
  }

  void retain(StoryBlock block) {
    if (block.owners == 0) {
      idle.remove(block);
      pinnedIdle.remove(block);
    }
    block.owners++;
    numReferences++;
  }

  /** Whether the block became free. */
  boolean release(StoryBlock block) {
    block.owners--;
    numReferences--;
    if (block.owners > 0) {
      return false;
    }
    if (block.shelf != Shelf.NONE) {
      (block.shelf.pinnedUntil > nanos.getAsLong() ? pinnedIdle : idle).add(block);
      return false;
    }
    numFree++;
    return true;
  }

  /** Last one first, as sequences do. Returns how many became free. */
  int releaseFrom(List<StoryBlock> blocks, int from) {
    int freed = 0;
    for (int i = blocks.size() - 1; i >= from; i--) {
      freed += release(blocks.remove(i)) ? 1 : 0;
    }
    return freed;
  }

  /** An idle block that is shared no more is free. */
  void unshelved(StoryBlock block) {
    if (idle.remove(block) || pinnedIdle.remove(block)) {
      numFree++;
    }
  }

  boolean isWritable(StoryBlock block) {
    return block.owners == 1 && block.shelf == Shelf.NONE;
  }

  /** Pins end in the order in which their blocks became idle. */
  void endPins() {
    for (StoryBlock block : List.copyOf(pinnedIdle)) {
      if (block.shelf.pinnedUntil <= nanos.getAsLong()) {
        pinnedIdle.remove(block);
        idle.add(block);
      }
    }
  }

  /** The pool's number for a block was read: it must be what it was, and nobody else's. */
  void requireId(StoryBlock block, int id, Object where) {
    if (block.id < 0) {
      StoryBlock before = lastSeenAs[id];
      Comparison.require(
          before.owners == 0 && before.shelf == Shelf.NONE,
          "block that belongs to somebody else too",
          id,
          where);
      block.id = id;
      lastSeenAs[id] = block;
    }
    Comparison.require(block.id == id && lastSeenAs[id] == block, "block id", id, where);
  }

  @Override
  public String toString() {
    return "free "
        + numFree
        + ", reserved "
        + numReserved
        + ", idle "
        + idle.size()
        + ", pinned "
        + pinnedIdle.size()
        + ", references "
        + numReferences
        + ", allocations "
        + numAllocations
        + ", reclaimed "
        + numReclaimed
        + ", refusals "
        + numRefusals;
  }
}
