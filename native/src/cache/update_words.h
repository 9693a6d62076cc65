// Updates of a step's arrays in device memory, which stay where they are.
#ifndef PAGODA_CACHE_UPDATE_WORDS_H
#define PAGODA_CACHE_UPDATE_WORDS_H

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

struct WordRun {
  int64_t target_word;
  int32_t source_word;
  int32_t num_words;
};

struct UpdateWordsParams {
  const void* staged;  // [num_bytes], pinned host: WordRun [num_runs], then words
  char* delta;         // [num_bytes], device, 8-byte aligned
  uint32_t* target;    // [num_target_words], device
  int64_t num_target_words;
  int64_t num_bytes;
  int64_t num_runs;
};

/// Queues the copy of the staged bytes and the launch that spreads them.
cudaError_t launch_update_words(const UpdateWordsParams& params, cudaStream_t stream);

}  // namespace pagoda

#endif
