// Copies of whole blocks: inside a pool, and between a device pool and a pinned host pool.
#ifndef PAGODA_CACHE_COPY_BLOCKS_H
#define PAGODA_CACHE_COPY_BLOCKS_H

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

struct BlockCopy {
  int32_t source_block;
  int32_t target_block;
};

struct CopyBlocksParams {
  const char* source_pool;  // [*, block_bytes] bytes, 16-byte aligned
  char* target_pool;        // [*, block_bytes] bytes, 16-byte aligned
  const BlockCopy* copies;  // [num_copies], device
  int64_t block_bytes;      // a multiple of 16
  int64_t num_copies;
};

/// Queues copies within device memory.
cudaError_t launch_copy_blocks(const CopyBlocksParams& params, cudaStream_t stream);

/// Queues copies over the bus by few CTAs, which leaves the multiprocessors to other kernels.
cudaError_t launch_swap_blocks(const CopyBlocksParams& params, cudaStream_t stream);

}  // namespace pagoda

#endif
