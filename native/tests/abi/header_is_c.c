// Compiles the header as C11, twice over, and pins the sizes that other languages rely on.

#include "pagoda/pagoda.h"

// Once more: the second time must do nothing.
#include "pagoda/pagoda.h"

_Static_assert(sizeof(pagoda_status) == 4, "a status is an int32_t");

_Static_assert(sizeof(pagoda_error) == 4 + 252, "pagoda_error has no padding");
_Static_assert(sizeof(pagoda_struct_field) == 2 * 64 + 3 * 8, "pagoda_struct_field has no padding");
_Static_assert(sizeof(pagoda_device_description) == 256 + 2 * 8 + 6 * 4,
               "pagoda_device_description has no padding");
_Static_assert(sizeof(pagoda_kv_layer) == 7 * 8 + 6 * 4, "pagoda_kv_layer has no padding");
_Static_assert(sizeof(pagoda_write_kv_params) == 80 + 5 * 8 + 2 * 4,
               "pagoda_write_kv_params has no padding");
_Static_assert(sizeof(pagoda_paged_decode_params) == 80 + 12 * 8 + 6 * 4,
               "pagoda_paged_decode_params has no padding");
_Static_assert(sizeof(pagoda_paged_prefill_params) == 80 + 13 * 8 + 8 * 4,
               "pagoda_paged_prefill_params has no padding");
_Static_assert(sizeof(pagoda_block_copy) == 2 * 4, "pagoda_block_copy has no padding");
_Static_assert(sizeof(pagoda_copy_blocks_params) == 4 * 8,
               "pagoda_copy_blocks_params has no padding");
_Static_assert(sizeof(pagoda_swap_blocks_params) == 5 * 8,
               "pagoda_swap_blocks_params has no padding");
_Static_assert(sizeof(pagoda_fill_memory_params) == 3 * 8,
               "pagoda_fill_memory_params has no padding");
_Static_assert(sizeof(pagoda_copy_memory_params) == 3 * 8,
               "pagoda_copy_memory_params has no padding");
_Static_assert(sizeof(pagoda_word_run) == 8 + 2 * 4, "pagoda_word_run has no padding");
_Static_assert(sizeof(pagoda_update_words_params) == 6 * 8,
               "pagoda_update_words_params has no padding");
_Static_assert(sizeof(pagoda_validate_step_params) == 6 * 8 + 4 * 4,
               "pagoda_validate_step_params has no padding");
_Static_assert(sizeof(pagoda_merge_partials_params) == 4 * 8 + 4 * 4,
               "pagoda_merge_partials_params has no padding");

int main(void) { return PAGODA_STATUS_OK; }
