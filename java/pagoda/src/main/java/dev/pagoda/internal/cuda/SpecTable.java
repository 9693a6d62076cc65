package dev.pagoda.internal.cuda;

import dev.pagoda.layout.AttentionSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * ALiBi slopes and sinks in device memory, once for each different content, at addresses that do
 * not change.
 *
 * <p>A model has a few of them; the table holds up to {@value #ENTRIES_MAX} and then refuses, since
 * a captured graph may read any of them.
 *
 * <p>Threads: any, each with a {@link RowStaging} of its own.
 */
final class SpecTable {
  private static final int ENTRIES_MAX = 4096;

  private final DeviceQueue queue;
  private final List<Entry> entries = new ArrayList<>();

  @SuppressWarnings("ArrayRecordComponent") // compared by content, by hand
  private record Entry(float[] numbers, long address) {}

  SpecTable(DeviceQueue queue) {
    this.queue = queue;
  }

  /** Address of the slopes of a spec, 0 if it has none. */
  long slopes(AttentionSpec spec, RowStaging staging, CallMemory memory) {
    if (!spec.hasAlibiSlopes()) {
      return 0;
    }
    float[] numbers = new float[spec.numQueryHeads()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = spec.alibiSlope(i);
    }
    return address(numbers, staging, memory);
  }

  /** Address of the sinks of a spec, 0 if it has none. */
  long sinks(AttentionSpec spec, RowStaging staging, CallMemory memory) {
    if (!spec.hasSinks()) {
      return 0;
    }
    float[] numbers = new float[spec.numQueryHeads()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = spec.sink(i);
    }
    return address(numbers, staging, memory);
  }

  private synchronized long address(float[] numbers, RowStaging staging, CallMemory memory) {
    for (Entry entry : entries) {
      if (Arrays.equals(entry.numbers, numbers)) {
        return entry.address;
      }
    }
    if (entries.size() == ENTRIES_MAX) {
      throw new IllegalStateException(
          "specs with so many different slopes and sinks were not foreseen: numDifferent="
              + ENTRIES_MAX);
    }
    queue.requireNotCapturing(memory);
    long address = queue.allocateDevice((long) numbers.length * Float.BYTES, memory);
    queue.enter(memory);
    try {
      staging.sendFloats(numbers, address);
    } finally {
      queue.leave(memory);
    }
    entries.add(new Entry(numbers, address));
    return address;
  }
}
