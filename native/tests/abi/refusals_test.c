// What the caller does wrong is refused by name, before CUDA is asked and on any machine.

#include "claim.h"
#include "pagoda/pagoda.h"

static pagoda_error untouched_error(void) {
  pagoda_error error;
  memset(&error, 0x7f, sizeof error);
  return error;
}

static void refuses_missing_results(void) {
  pagoda_error error = untouched_error();
  CLAIM(pagoda_device_count(NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "num_devices=NULL");
  CLAIM(error.cuda_error == 0);

  error = untouched_error();
  CLAIM(pagoda_device_describe(0, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "description=NULL");

  error = untouched_error();
  CLAIM(pagoda_device_check(0, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "image_architecture=NULL");

  error = untouched_error();
  CLAIM(pagoda_struct_field_describe(0, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "field=NULL");
}

static void refuses_indices_out_of_range(void) {
  pagoda_device_description description;
  pagoda_error error = untouched_error();
  CLAIM(pagoda_device_describe(-1, &description, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "device_idx=-1");

  int32_t image_architecture = 17;
  error = untouched_error();
  CLAIM(pagoda_device_check(-5, &image_architecture, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "device_idx=-5");
  CLAIM(image_architecture == 17);

  pagoda_struct_field field;
  error = untouched_error();
  CLAIM(pagoda_struct_field_describe(-1, &field, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "field_idx=-1");
  const int32_t past_the_end = pagoda_struct_field_count();
  CLAIM(pagoda_struct_field_describe(past_the_end, &field, &error) ==
        PAGODA_STATUS_INVALID_ARGUMENT);
}

static void works_without_an_error_record(void) {
  CLAIM(pagoda_device_count(NULL, NULL) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM(pagoda_struct_field_describe(0, NULL, NULL) == PAGODA_STATUS_INVALID_ARGUMENT);
}

static void leaves_the_error_record_alone_on_success(void) {
  pagoda_error error = untouched_error();
  const pagoda_error before = error;
  pagoda_struct_field field;
  CLAIM(pagoda_struct_field_describe(0, &field, &error) == PAGODA_STATUS_OK);
  CLAIM(memcmp(&error, &before, sizeof error) == 0);
}

static void counts_no_device_below_one(void) {
  int32_t num_devices = -1;
  pagoda_error error = untouched_error();
  const pagoda_status status = pagoda_device_count(&num_devices, &error);
  if (status == PAGODA_STATUS_OK) {
    CLAIM(num_devices >= 1);
    pagoda_device_description description;
    CLAIM(pagoda_device_describe(num_devices, &description, &error) ==
          PAGODA_STATUS_INVALID_ARGUMENT);
    CLAIM_CONTAINS(error.text, "device_idx=");
  } else {
    CLAIM(num_devices == 0);
    CLAIM(status != PAGODA_STATUS_INVALID_ARGUMENT && status != PAGODA_STATUS_INTERNAL_ERROR);
    CLAIM(strlen(error.text) > 0);
    pagoda_device_description description;
    CLAIM(pagoda_device_describe(0, &description, NULL) == status);
  }
}

int main(void) {
  refuses_missing_results();
  refuses_indices_out_of_range();
  works_without_an_error_record();
  leaves_the_error_record_alone_on_success();
  counts_no_device_below_one();
  return num_false_claims == 0 ? 0 : 1;
}
