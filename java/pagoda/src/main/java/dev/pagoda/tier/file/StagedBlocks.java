package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import java.util.Arrays;

/** Copies between a cache's blocks and the first blocks of a staging area. */
final class StagedBlocks {
  private StagedBlocks() {}

  static void out(KvStorage storage, int[] blockIds, int first, BlockStaging staging, int count) {
    int[] some = Arrays.copyOfRange(blockIds, first, first + count);
    storage.copyOut(some, staging.host(), ascending(count), count);
  }

  static void in(BlockStaging staging, KvStorage storage, int[] blockIds, int first, int count) {
    int[] some = Arrays.copyOfRange(blockIds, first, first + count);
    storage.copyIn(staging.host(), ascending(count), some, count);
  }

  private static int[] ascending(int count) {
    int[] numbers = new int[count];
    Arrays.setAll(numbers, i -> i);
    return numbers;
  }
}
