package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_validate_step_params;
import dev.pagoda.internal.kernel.RaggedBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Debug mode's look, on the device, at what kernels take on trust. Waits for the device. */
final class StepValidation {
  private static final long REPORT_BYTES = 4L * Long.BYTES;

  private StepValidation() {}

  /**
   * Checks a step's arrays after their update.
   *
   * @throws dev.pagoda.cuda.NativeCallException naming the first bad value
   */
  static void require(DeviceStorage storage, RaggedBatch batch, StepMemory memory) {
    DeviceQueue queue = storage.queue();
    StepArrays arrays = memory.arrays;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment params = pagoda_validate_step_params.allocate(scratch);
      pagoda_validate_step_params.block_tables(params, arrays.tablesAddress());
      pagoda_validate_step_params.context_lengths(params, arrays.lengthsAddress());
      pagoda_validate_step_params.cumulative_query_lengths(params, arrays.cumulativeAddress());
      pagoda_validate_step_params.slot_mapping(params, arrays.slotsAddress());
      pagoda_validate_step_params.report(params, memory.report(REPORT_BYTES));
      pagoda_validate_step_params.block_table_stride(params, arrays.stride());
      pagoda_validate_step_params.num_seqs(params, batch.numSeqs());
      pagoda_validate_step_params.num_tokens(params, batch.numTokens());
      pagoda_validate_step_params.num_blocks(params, storage.numBlocks());
      pagoda_validate_step_params.block_size(params, storage.layout().shape().blockSize());
      queue.enter(memory.call);
      try {
        queue.check(
            "pagoda_validate_step",
            pagoda_h.pagoda_validate_step(params, queue.stream(), memory.call.error()),
            memory.call);
      } finally {
        queue.leave(memory.call);
      }
    }
  }
}
