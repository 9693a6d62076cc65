#include "abi/device_failures.h"

#include "abi/failure.h"

namespace pagoda {
namespace {

int32_t major_of(int32_t version) { return version / 1000; }

int32_t minor_of(int32_t version) { return version % 1000 / 10; }

}  // namespace

CudaVersions query_cuda_versions() noexcept {
  int driver = 0;
  int runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) {
    driver = 0;
  }
  if (cudaRuntimeGetVersion(&runtime) != cudaSuccess) {
    runtime = 0;
  }
  return {driver, runtime};
}

pagoda_status fail_without_devices(cudaError_t answer, CudaVersions versions,
                                   pagoda_error* maybe_error) {
  // Without any driver CUDA complains of an insufficient one, which sends people the wrong way.
  if (versions.driver == 0) {
    return fail(maybe_error, PAGODA_STATUS_NO_DRIVER, answer,
                "no NVIDIA driver is installed on this machine: driver_version=0");
  }
  if (answer == cudaErrorInsufficientDriver) {
    return fail(maybe_error, PAGODA_STATUS_DRIVER_TOO_OLD, answer,
                "the NVIDIA driver supports CUDA %d.%d and this library needs %d.%d: "
                "driver_version=%d, runtime_version=%d",
                major_of(versions.driver), minor_of(versions.driver), major_of(versions.runtime),
                minor_of(versions.runtime), versions.driver, versions.runtime);
  }
  if (answer == cudaSuccess || answer == cudaErrorNoDevice) {
    return fail(maybe_error, PAGODA_STATUS_NO_DEVICE, answer,
                "the NVIDIA driver (CUDA %d.%d) shows this process no device; "
                "CUDA_VISIBLE_DEVICES can hide them: num_devices=0",
                major_of(versions.driver), minor_of(versions.driver));
  }
  return fail(maybe_error, PAGODA_STATUS_CUDA_FAILURE, answer,
              "CUDA could not count the devices, %s: cuda_error=%d", cudaGetErrorString(answer),
              static_cast<int>(answer));
}

pagoda_status fail_to_run(cudaError_t answer, const ImageTarget& target,
                          pagoda_error* maybe_error) {
  switch (answer) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
      return fail(maybe_error, PAGODA_STATUS_UNSUPPORTED, answer,
                  "no kernel fits this device, they were built for %s: compute_capability=%d.%d",
                  PAGODA_BUILT_ARCHITECTURES, target.compute_capability_major,
                  target.compute_capability_minor);
    case cudaErrorUnsupportedPtxVersion:
      return fail(maybe_error, PAGODA_STATUS_DRIVER_TOO_OLD, answer,
                  "the NVIDIA driver supports CUDA %d.%d and cannot compile the PTX of CUDA %d.%d "
                  "that this device of compute capability %d.%d would need: driver_version=%d",
                  major_of(target.versions.driver), minor_of(target.versions.driver),
                  major_of(target.versions.runtime), minor_of(target.versions.runtime),
                  target.compute_capability_major, target.compute_capability_minor,
                  target.versions.driver);
    default:
      return fail(maybe_error, PAGODA_STATUS_CUDA_FAILURE, answer,
                  "a trial kernel did not run, %s: cuda_error=%d", cudaGetErrorString(answer),
                  static_cast<int>(answer));
  }
}

bool breaks_the_context(cudaError_t answer) {
  switch (answer) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorExternalDevice:
      return true;
    default:
      return false;
  }
}

pagoda_status fail_to_do(cudaError_t answer, const char* operation, pagoda_error* maybe_error) {
  cudaGetLastError();
  if (answer == cudaErrorNoDevice || answer == cudaErrorInsufficientDriver) {
    return fail_without_devices(answer, query_cuda_versions(), maybe_error);
  }
  if (breaks_the_context(answer)) {
    return fail(maybe_error, PAGODA_STATUS_DEVICE_FAULT, answer,
                "work that ran before broke the context, %s, found when asked to %s: "
                "cuda_error=%d",
                cudaGetErrorString(answer), operation, static_cast<int>(answer));
  }
  return fail(maybe_error, PAGODA_STATUS_CUDA_FAILURE, answer,
              "CUDA refused to %s, %s: cuda_error=%d", operation, cudaGetErrorString(answer),
              static_cast<int>(answer));
}

}  // namespace pagoda
