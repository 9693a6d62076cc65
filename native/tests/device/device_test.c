// On a machine with a GPU: every device is described, and a kernel of ours runs on it.

#include <stdlib.h>

#include "claim.h"
#include "pagoda/pagoda.h"

enum { kSkipped = 77 };

static void check_device(int32_t device_idx) {
  pagoda_error error;
  memset(&error, 0, sizeof error);
  pagoda_device_description description;
  CLAIM(pagoda_device_describe(device_idx, &description, &error) == PAGODA_STATUS_OK);
  int32_t image_architecture = 0;
  CLAIM(pagoda_device_check(device_idx, &image_architecture, &error) == PAGODA_STATUS_OK);
  if (num_false_claims > 0) {
    fprintf(stderr, "%s\n", error.text);
    return;
  }

  const int32_t device_architecture =
      10 * description.compute_capability_major + description.compute_capability_minor;
  printf(
      "device %d: %s, compute capability %d.%d, %d multiprocessors, %lld of %lld bytes free, "
      "driver %d, runtime %d, kernel image %d\n",
      description.device_idx, description.name, description.compute_capability_major,
      description.compute_capability_minor, description.num_multiprocessors,
      (long long)description.free_memory_bytes, (long long)description.total_memory_bytes,
      description.driver_version, description.runtime_version, image_architecture);
  CLAIM(description.device_idx == device_idx);
  CLAIM(strlen(description.name) > 0);
  CLAIM(description.num_multiprocessors > 0);
  CLAIM(description.free_memory_bytes > 0);
  CLAIM(description.free_memory_bytes <= description.total_memory_bytes);
  CLAIM(description.driver_version >= 1000 && description.runtime_version >= 1000);
  // Machine code made for this device's own architecture is what must run where there is any.
  CLAIM(image_architecture <= device_architecture);
  const int has_hopper_code =
      strstr(PAGODA_BUILT_ARCHITECTURES, "90a") != NULL && getenv("CUDA_FORCE_PTX_JIT") == NULL;
  CLAIM(device_architecture != 90 || !has_hopper_code || image_architecture == 90);
}

int main(void) {
  int32_t num_devices = 0;
  pagoda_error error;
  memset(&error, 0, sizeof error);
  if (pagoda_device_count(&num_devices, &error) != PAGODA_STATUS_OK) {
    const char* gpu_expected = getenv("PAGODA_GPU");
    const int must_run = gpu_expected != NULL && strcmp(gpu_expected, "ON") == 0;
    printf("%s: %s\n", must_run ? "failed, PAGODA_GPU=ON" : "skipped", error.text);
    return must_run ? 1 : kSkipped;
  }
  for (int32_t i = 0; i < num_devices; ++i) {
    check_device(i);
  }
  return num_false_claims == 0 ? 0 : 1;
}
