package dev.pagoda.block;

import java.util.Arrays;

/**
 * Finds a block that one call names twice: each block bears the mark of the last call that named
 * it, so that nothing has to be wiped between calls.
 *
 * <p>Footprint: 4 bytes per block. Guarded by the pool's lock.
 */
final class CallMarks {
  private final int[] marks;
  private int mark;

  CallMarks(int numBlocks) {
    marks = new int[numBlocks];
  }

  void nextCall() {
    mark++;
    if (mark == 0) {
      Arrays.fill(marks, 0);
      mark = 1;
    }
  }

  /** Whether this call names a block for the first time. */
  boolean isFirst(int blockId) {
    boolean isFirst = marks[blockId] != mark;
    marks[blockId] = mark;
    return isFirst;
  }
}
