// The version and the struct layouts of the header, for callers whose bindings were made elsewhere.

#include <cstddef>
#include <cstring>
#include <iterator>

#include "abi/failure.h"
#include "pagoda/pagoda.h"

namespace {

// A macro, because names of structs and fields cannot be had otherwise in C++17.
#define FIELD(struct_type, field)                                    \
  pagoda_struct_field {                                              \
    #struct_type, #field, static_cast<int64_t>(sizeof(struct_type)), \
        static_cast<int64_t>(offsetof(struct_type, field)),          \
        static_cast<int64_t>(sizeof(struct_type::field))             \
  }

constexpr pagoda_struct_field kFields[] = {
    FIELD(pagoda_error, cuda_error),
    FIELD(pagoda_error, text),

    FIELD(pagoda_struct_field, struct_name),
    FIELD(pagoda_struct_field, field_name),
    FIELD(pagoda_struct_field, struct_bytes),
    FIELD(pagoda_struct_field, offset_bytes),
    FIELD(pagoda_struct_field, field_bytes),

    FIELD(pagoda_device_description, name),
    FIELD(pagoda_device_description, total_memory_bytes),
    FIELD(pagoda_device_description, free_memory_bytes),
    FIELD(pagoda_device_description, device_idx),
    FIELD(pagoda_device_description, compute_capability_major),
    FIELD(pagoda_device_description, compute_capability_minor),
    FIELD(pagoda_device_description, num_multiprocessors),
    FIELD(pagoda_device_description, driver_version),
    FIELD(pagoda_device_description, runtime_version),
};

#undef FIELD

constexpr int32_t kNumFields = static_cast<int32_t>(std::size(kFields));

}  // namespace

int32_t pagoda_abi_version(void) { return PAGODA_ABI_VERSION; }

int32_t pagoda_struct_field_count(void) { return kNumFields; }

pagoda_status pagoda_struct_field_describe(int32_t field_idx, pagoda_struct_field* field,
                                           pagoda_error* error) {
  if (field == nullptr) {
    return pagoda::fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                        "the field to fill is missing: field=NULL");
  }
  if (field_idx < 0 || field_idx >= kNumFields) {
    return pagoda::fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                        "the header has %d fields: field_idx=%d", kNumFields, field_idx);
  }
  *field = kFields[field_idx];
  return PAGODA_STATUS_OK;
}
