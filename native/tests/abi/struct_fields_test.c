// The table that bindings are checked against must itself be complete: because structs have no
// padding, the fields of each cover it from its first byte to its last, in order.

#include "claim.h"
#include "pagoda/pagoda.h"

int main(void) {
  CLAIM(pagoda_abi_version() == PAGODA_ABI_VERSION);

  pagoda_struct_field previous;
  memset(&previous, 0, sizeof previous);
  for (int32_t i = 0; i < pagoda_struct_field_count(); ++i) {
    pagoda_struct_field field;
    CLAIM(pagoda_struct_field_describe(i, &field, NULL) == PAGODA_STATUS_OK);
    const int64_t previous_end = previous.offset_bytes + previous.field_bytes;
    if (strcmp(field.struct_name, previous.struct_name) == 0) {
      CLAIM(field.offset_bytes == previous_end);
      CLAIM(field.struct_bytes == previous.struct_bytes);
    } else {
      CLAIM(previous_end == previous.struct_bytes);
      CLAIM(field.offset_bytes == 0);
    }
    previous = field;
  }
  CLAIM(previous.struct_bytes > 0);
  CLAIM(previous.offset_bytes + previous.field_bytes == previous.struct_bytes);
  return num_false_claims == 0 ? 0 : 1;
}
