package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.StepRoom;
import dev.pagoda.internal.cuda.abi.pagoda_paged_decode_params;
import dev.pagoda.internal.cuda.abi.pagoda_paged_prefill_params;
import dev.pagoda.internal.cuda.abi.pagoda_write_kv_params;
import dev.pagoda.layout.KvLayout;
import java.lang.foreign.MemorySegment;

/**
 * What a step needs between begin and commit: its arrays on the device, params of its launches, and
 * buffers for host rows. Steps borrow it, so that a cache has as many as steps have ever been open
 * at once. One thread at a time.
 */
final class StepMemory {
  private final DeviceQueue queue;
  final CallMemory call;
  final StepArrays arrays;
  final MemorySegment writeParams;
  final MemorySegment decodeParams;
  final MemorySegment prefillParams;
  private RowStaging[] staging = {}; // one or none
  private long report;

  StepMemory(DeviceQueue queue, KvLayout layout, int numBlocks, StepRoom room) {
    this.queue = queue;
    call = CallMemory.allocate(queue.arena());
    writeParams = pagoda_write_kv_params.allocate(queue.arena());
    decodeParams = pagoda_paged_decode_params.allocate(queue.arena());
    prefillParams = pagoda_paged_prefill_params.allocate(queue.arena());
    arrays = new StepArrays(queue, call, room, layout.shape().blockSize(), numBlocks);
  }

  /** Buffers for host rows, made when the first such row comes. */
  RowStaging staging() {
    if (staging.length == 0) {
      staging = new RowStaging[] {new RowStaging(queue, call)};
    }
    return staging[0];
  }

  /** Pinned memory that the device's report goes to, made when the first one is asked for. */
  long report(long byteSize) {
    if (report == 0) {
      report = queue.allocatePinned(byteSize, call).address();
    }
    return report;
  }
}
