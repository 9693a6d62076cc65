package dev.pagoda.prefix;

/** Doubly linked lists of block ids, each block in one of them at most. 8 bytes per block. */
final class BlockLinks {
  static final int NONE = -1;

  private final int[] before;
  private final int[] after;

  BlockLinks(int numBlocks) {
    before = new int[numBlocks];
    after = new int[numBlocks];
  }

  void append(BlockList list, int blockId) {
    before[blockId] = list.tail;
    after[blockId] = NONE;
    if (list.isEmpty()) {
      list.head = blockId;
    } else {
      after[list.tail] = blockId;
    }
    list.tail = blockId;
  }

  void prepend(BlockList list, int blockId) {
    before[blockId] = NONE;
    after[blockId] = list.head;
    if (list.isEmpty()) {
      list.tail = blockId;
    } else {
      before[list.head] = blockId;
    }
    list.head = blockId;
  }

  void remove(BlockList list, int blockId) {
    if (before[blockId] == NONE) {
      list.head = after[blockId];
    } else {
      after[before[blockId]] = after[blockId];
    }
    if (after[blockId] == NONE) {
      list.tail = before[blockId];
    } else {
      before[after[blockId]] = before[blockId];
    }
  }

  /** The block behind one, or {@link #NONE}. */
  int next(int blockId) {
    return after[blockId];
  }
}
