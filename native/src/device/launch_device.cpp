#include "device/launch_device.h"

#include <array>
#include <atomic>
#include <mutex>

#include "device/image_probe.h"

namespace pagoda {
namespace {

cudaError_t ask(int device_idx, LaunchDevice* device) {
  struct Question {
    int32_t* answer;
    cudaDeviceAttr attribute;
  };
  const Question questions[] = {
      {&device->num_multiprocessors, cudaDevAttrMultiProcessorCount},
      {&device->shared_bytes_per_multiprocessor, cudaDevAttrMaxSharedMemoryPerMultiprocessor},
      {&device->reserved_shared_bytes_per_cta, cudaDevAttrReservedSharedMemoryPerBlock},
      {&device->most_shared_bytes_per_cta, cudaDevAttrMaxSharedMemoryPerBlockOptin},
  };
  for (const Question& question : questions) {
    const cudaError_t answer =
        cudaDeviceGetAttribute(question.answer, question.attribute, device_idx);
    if (answer != cudaSuccess) {
      return answer;
    }
  }
  return query_image_architecture(&device->image_architecture);
}

// Facts that never change, and a launch has no time to ask again. A failure is not one of them.
constexpr int kMostRemembered = 64;

struct Remembered {
  std::atomic<bool> is_known{false};
  std::mutex asking;
  LaunchDevice device{};
};

}  // namespace

cudaError_t query_launch_device(LaunchDevice* device) {
  static std::array<Remembered, kMostRemembered> all;
  int device_idx = 0;
  cudaError_t answer = cudaGetDevice(&device_idx);
  if (answer != cudaSuccess) {
    return answer;
  }
  if (device_idx >= kMostRemembered) {
    return ask(device_idx, device);
  }
  Remembered& one = all[device_idx];
  if (!one.is_known.load(std::memory_order_acquire)) {
    const std::lock_guard<std::mutex> lock(one.asking);
    if (!one.is_known.load(std::memory_order_relaxed)) {
      answer = ask(device_idx, &one.device);
      if (answer != cudaSuccess) {
        return answer;
      }
      one.is_known.store(true, std::memory_order_release);
    }
  }
  *device = one.device;
  return cudaSuccess;
}

}  // namespace pagoda
