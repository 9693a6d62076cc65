package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import java.util.Arrays;

/**
 * Copies between a cache's blocks and the first blocks of a staging area, which have passed when a
 * call ends, however it ends: whoever comes next reads or writes the area without the storage.
 */
final class StagedBlocks {
  private StagedBlocks() {}

  static void out(KvStorage storage, int[] blockIds, int first, BlockStaging staging, int count) {
    int[] some = Arrays.copyOfRange(blockIds, first, first + count);
    try {
      storage.copyOut(some, staging.host(), ascending(count), count);
    } finally {
      storage.fence().await();
    }
  }

  static void in(BlockStaging staging, KvStorage storage, int[] blockIds, int first, int count) {
    int[] some = Arrays.copyOfRange(blockIds, first, first + count);
    try {
      storage.copyIn(staging.host(), ascending(count), some, count);
    } finally {
      storage.fence().await();
    }
  }

  private static int[] ascending(int count) {
    int[] numbers = new int[count];
    Arrays.setAll(numbers, i -> i);
    return numbers;
  }
}
