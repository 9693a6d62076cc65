// The reasons a user reads when there is no usable GPU, for machines we do not have.

#include "abi/device_failures.h"

#include <cstring>
#include <new>
#include <stdexcept>

#include "abi/failure.h"
#include "claim.h"

namespace {

constexpr pagoda::CudaVersions kNoDriver{0, 13000};
constexpr pagoda::CudaVersions kOldDriver{11040, 13000};
constexpr pagoda::CudaVersions kFittingDriver{13000, 13000};

void tells_no_driver_from_an_old_one() {
  pagoda_error error{};
  CLAIM(pagoda::fail_without_devices(cudaErrorInsufficientDriver, kNoDriver, &error) ==
        PAGODA_STATUS_NO_DRIVER);
  CLAIM_CONTAINS(error.text, "no NVIDIA driver");
  CLAIM(error.cuda_error == cudaErrorInsufficientDriver);

  CLAIM(pagoda::fail_without_devices(cudaErrorInsufficientDriver, kOldDriver, &error) ==
        PAGODA_STATUS_DRIVER_TOO_OLD);
  CLAIM_CONTAINS(error.text, "11.4");
  CLAIM_CONTAINS(error.text, "13.0");
  CLAIM_CONTAINS(error.text, "driver_version=11040, runtime_version=13000");
}

void tells_no_device_from_a_failure() {
  pagoda_error error{};
  CLAIM(pagoda::fail_without_devices(cudaErrorNoDevice, kFittingDriver, &error) ==
        PAGODA_STATUS_NO_DEVICE);
  CLAIM_CONTAINS(error.text, "num_devices=0");
  CLAIM(pagoda::fail_without_devices(cudaSuccess, kFittingDriver, &error) ==
        PAGODA_STATUS_NO_DEVICE);

  CLAIM(pagoda::fail_without_devices(cudaErrorSystemNotReady, kFittingDriver, &error) ==
        PAGODA_STATUS_CUDA_FAILURE);
  CLAIM_CONTAINS(error.text, "cuda_error=802");
}

void names_the_architectures_when_no_image_fits() {
  const pagoda::ImageTarget turing{7, 5, kFittingDriver};
  pagoda_error error{};
  CLAIM(pagoda::fail_to_run(cudaErrorNoKernelImageForDevice, turing, &error) ==
        PAGODA_STATUS_UNSUPPORTED);
  CLAIM_CONTAINS(error.text, PAGODA_BUILT_ARCHITECTURES);
  CLAIM_CONTAINS(error.text, "compute_capability=7.5");

  const pagoda::ImageTarget ampere{8, 6, {12040, 13000}};
  CLAIM(pagoda::fail_to_run(cudaErrorUnsupportedPtxVersion, ampere, &error) ==
        PAGODA_STATUS_DRIVER_TOO_OLD);
  CLAIM_CONTAINS(error.text, "12.4");
  CLAIM_CONTAINS(error.text, "driver_version=12040");

  CLAIM(pagoda::fail_to_run(cudaErrorMemoryAllocation, ampere, &error) ==
        PAGODA_STATUS_CUDA_FAILURE);
  CLAIM_CONTAINS(error.text, "cuda_error=2");
}

void tells_a_broken_context_from_a_refusal() {
  pagoda_error error{};
  CLAIM(pagoda::breaks_the_context(cudaErrorIllegalAddress));
  CLAIM(pagoda::breaks_the_context(cudaErrorLaunchFailure));
  CLAIM(!pagoda::breaks_the_context(cudaErrorMemoryAllocation));
  CLAIM(!pagoda::breaks_the_context(cudaErrorInvalidValue));
  CLAIM(pagoda::fail_to_do(cudaErrorIllegalAddress, "copy memory", &error) ==
        PAGODA_STATUS_DEVICE_FAULT);
  CLAIM_CONTAINS(error.text, "copy memory");
  CLAIM_CONTAINS(error.text, "cuda_error=700");
  CLAIM(pagoda::fail_to_do(cudaErrorInvalidValue, "copy memory", &error) ==
        PAGODA_STATUS_CUDA_FAILURE);
  CLAIM_CONTAINS(error.text, "cuda_error=1");
}

void lets_no_exception_out() {
  pagoda_error error{};
  CLAIM(pagoda::guarded(&error, []() -> pagoda_status { throw std::runtime_error("of a test"); }) ==
        PAGODA_STATUS_INTERNAL_ERROR);
  CLAIM_CONTAINS(error.text, "of a test");
  CLAIM(pagoda::guarded(&error, []() -> pagoda_status { throw std::bad_alloc(); }) ==
        PAGODA_STATUS_INTERNAL_ERROR);
  CLAIM_CONTAINS(error.text, "memory ran out");
  CLAIM(pagoda::guarded(nullptr, []() -> pagoda_status { throw 1; }) ==
        PAGODA_STATUS_INTERNAL_ERROR);
}

void ends_every_sentence_inside_the_field() {
  pagoda_error error{};
  pagoda::fail(&error, PAGODA_STATUS_INTERNAL_ERROR, cudaSuccess, "%300d", 1);
  CLAIM(std::strlen(error.text) == sizeof(error.text) - 1);
}

}  // namespace

int main() {
  tells_no_driver_from_an_old_one();
  tells_no_device_from_a_failure();
  names_the_architectures_when_no_image_fits();
  tells_a_broken_context_from_a_refusal();
  lets_no_exception_out();
  ends_every_sentence_inside_the_field();
  return num_false_claims == 0 ? 0 : 1;
}
