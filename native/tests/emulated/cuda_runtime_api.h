// The part of CUDA's runtime that launchers and tests call. Work runs when the host waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "device_language.h"

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaLaunchAttributeID { cudaLaunchAttributeProgrammaticStreamSerialization };

/// Work that is captured; every stream that captures nothing is one and the same.
struct CUstream_st {
  bool is_capturing = false;
  std::vector<std::function<void()>> captured;
};
using cudaStream_t = CUstream_st*;

struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    int programmaticStreamSerializationAllowed;
  } val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

inline const char* cudaGetErrorString(cudaError_t answer) {
  return answer == cudaSuccess ? "no error" : "invalid configuration";
}

inline cudaError_t cudaDeviceSynchronize() {
  emulated::run_queued();
  return cudaSuccess;
}

template <typename Pointee>
cudaError_t cudaMalloc(Pointee** pointer, size_t num_bytes) {
  *pointer = static_cast<Pointee*>(emulated::allocate(num_bytes));
  return cudaSuccess;
}

inline cudaError_t cudaFree(void* pointer) {
  emulated::release(pointer);
  return cudaSuccess;
}

/// Leaves memory that is larger than this machine's as it is: it was new, and zero.
inline cudaError_t cudaMemset(void* pointer, int byte, size_t num_bytes) {
  emulated::run_queued();
  constexpr size_t kMost = size_t{256} << 20;
  if (num_bytes <= kMost) {
    std::memset(pointer, byte, num_bytes);
  }
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void* target, const void* source, size_t num_bytes, cudaMemcpyKind) {
  emulated::run_queued();
  std::memcpy(target, source, num_bytes);
  return cudaSuccess;
}

/// Queues work of a stream, or captures it.
inline void queue_in(cudaStream_t stream, std::function<void()> queue) {
  if (stream != nullptr && stream->is_capturing) {
    stream->captured.push_back(std::move(queue));
  } else {
    queue();
  }
}

inline cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t num_bytes,
                                   cudaMemcpyKind, cudaStream_t stream) {
  queue_in(stream,
           [=] { emulated::queue_steps({[=] { std::memcpy(target, source, num_bytes); }}); });
  return cudaSuccess;
}

template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int) {
  return cudaSuccess;
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  emulated::LaunchShape shape{};
  shape.num_ctas = config->gridDim.x * config->gridDim.y;
  shape.num_columns = config->gridDim.x;
  shape.num_threads = config->blockDim.x;
  shape.shared_bytes = static_cast<uint32_t>(config->dynamicSmemBytes);
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    shape.overlaps |= config->attrs[i].val.programmaticStreamSerializationAllowed != 0;
  }
  queue_in(config->stream, [=] { emulated::queue_kernel(shape, [=] { kernel(arguments...); }); });
  return cudaSuccess;
}

inline cudaError_t cudaGetLastError() { return cudaSuccess; }

namespace emulated {

inline dim3 grid_of(unsigned num_ctas) { return dim3(num_ctas); }
inline dim3 grid_of(dim3 ctas) { return ctas; }

/// What `kernel<<<grid, num_threads, shared_bytes, stream>>>` is, for parentheses to follow.
template <typename... Parameters, typename Grid>
auto launcher(void (*kernel)(Parameters...), Grid grid, unsigned num_threads, size_t shared_bytes,
              cudaStream_t stream) {
  return [=](Parameters... arguments) {
    const cudaLaunchConfig_t config{grid_of(grid), dim3(num_threads), shared_bytes,
                                    stream,        nullptr,           0};
    cudaLaunchKernelEx(&config, kernel, arguments...);
  };
}

}  // namespace emulated

// Memory of the host is everybody's.

constexpr unsigned cudaHostAllocMapped = 2;

inline cudaError_t cudaHostAlloc(char** pointer, size_t num_bytes, unsigned) {
  return cudaMalloc(pointer, num_bytes);
}
inline cudaError_t cudaFreeHost(void* pointer) { return cudaFree(pointer); }

// Graphs are what was captured, in order.

using cudaGraph_t = std::vector<std::function<void()>>*;
using cudaGraphExec_t = const std::vector<std::function<void()>>*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal };
constexpr unsigned cudaStreamNonBlocking = 1;

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaDeviceSynchronize(); }
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->is_capturing = true;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  stream->is_capturing = false;
  *graph = new std::vector<std::function<void()>>(std::move(stream->captured));
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned) {
  *executable = new std::vector<std::function<void()>>(*graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
  for (const auto& work : *executable) {
    work();
  }
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
