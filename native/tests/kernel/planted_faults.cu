// Faults that compute-sanitizer must report: a run of it that stays silent here proves nothing.
//
//   planted_faults out-of-bounds   writes one element behind an allocation
//   planted_faults race            a warp reads shared words of another without a barrier
//   planted_faults async-race      a thread reads what its own asynchronous copy has yet to bring
//   planted_faults uninitialized   reads device memory that nothing wrote
//   planted_faults divergence      a barrier that half of a warp's threads never reach

#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>

__global__ void out_of_bounds_kernel(int* array, int length) { array[length] = 1; }

__global__ void race_kernel(int* result) {
  __shared__ int words[64];
  words[threadIdx.x] = result[threadIdx.x];
  result[threadIdx.x] = words[63 - threadIdx.x];
}

__global__ void async_race_kernel(int* result) {
  __shared__ __align__(16) int words[64];
  const auto target = static_cast<unsigned>(__cvta_generic_to_shared(words + 4 * threadIdx.x));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\ncp.async.commit_group;" ::"r"(target),
               "l"(__cvta_generic_to_global(result + 4 * threadIdx.x))
               : "memory");
  result[threadIdx.x] = words[4 * threadIdx.x];
  asm volatile("cp.async.wait_group 0;" ::: "memory");
}

__global__ void uninitialized_kernel(const int* array, int* result) { *result = array[0] + 1; }

__global__ void divergence_kernel(int* result) {
  if (threadIdx.x < 16) {
    __syncthreads();
  }
  result[threadIdx.x] = 1;
}

int main(int argc, char** argv) {
  const char* fault = argc > 1 ? argv[1] : "";
  int* array = nullptr;
  int* result = nullptr;
  if (cudaMalloc(&array, 64 * sizeof(int)) != cudaSuccess ||
      cudaMalloc(&result, 64 * sizeof(int)) != cudaSuccess) {
    std::printf("there is no device\n");
    return 77;
  }
  if (std::strcmp(fault, "out-of-bounds") == 0) {
    // Behind the last granule of the allocation, where nothing else lies.
    out_of_bounds_kernel<<<1, 1>>>(array, 64);
  } else if (std::strcmp(fault, "race") == 0) {
    race_kernel<<<1, 64>>>(result);
  } else if (std::strcmp(fault, "async-race") == 0) {
    async_race_kernel<<<1, 16>>>(result);
  } else if (std::strcmp(fault, "uninitialized") == 0) {
    uninitialized_kernel<<<1, 1>>>(array, result);
  } else if (std::strcmp(fault, "divergence") == 0) {
    divergence_kernel<<<1, 32>>>(result);
  } else {
    std::fprintf(stderr, "no such fault: %s\n", fault);
    return 2;
  }
  cudaDeviceSynchronize();
  return 0;
}
