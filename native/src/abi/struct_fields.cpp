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

    FIELD(pagoda_kv_layer, pool),
    FIELD(pagoda_kv_layer, num_blocks),
    FIELD(pagoda_kv_layer, block_bytes),
    FIELD(pagoda_kv_layer, key_base_bytes),
    FIELD(pagoda_kv_layer, value_base_bytes),
    FIELD(pagoda_kv_layer, key_tile_bytes),
    FIELD(pagoda_kv_layer, value_tile_bytes),
    FIELD(pagoda_kv_layer, num_kv_heads),
    FIELD(pagoda_kv_layer, block_size),
    FIELD(pagoda_kv_layer, key_head_dim),
    FIELD(pagoda_kv_layer, value_head_dim),
    FIELD(pagoda_kv_layer, key_dtype),
    FIELD(pagoda_kv_layer, value_dtype),

    FIELD(pagoda_write_kv_params, layer),
    FIELD(pagoda_write_kv_params, keys),
    FIELD(pagoda_write_kv_params, values),
    FIELD(pagoda_write_kv_params, slot_mapping),
    FIELD(pagoda_write_kv_params, key_row_stride_bytes),
    FIELD(pagoda_write_kv_params, value_row_stride_bytes),
    FIELD(pagoda_write_kv_params, num_tokens),
    FIELD(pagoda_write_kv_params, row_dtype),

    FIELD(pagoda_paged_decode_params, layer),
    FIELD(pagoda_paged_decode_params, queries),
    FIELD(pagoda_paged_decode_params, output),
    FIELD(pagoda_paged_decode_params, maybe_lse),
    FIELD(pagoda_paged_decode_params, block_tables),
    FIELD(pagoda_paged_decode_params, context_lengths),
    FIELD(pagoda_paged_decode_params, maybe_alibi_slopes),
    FIELD(pagoda_paged_decode_params, maybe_sinks),
    FIELD(pagoda_paged_decode_params, workspace),
    FIELD(pagoda_paged_decode_params, workspace_bytes),
    FIELD(pagoda_paged_decode_params, query_row_stride_bytes),
    FIELD(pagoda_paged_decode_params, output_row_stride_bytes),
    FIELD(pagoda_paged_decode_params, block_table_stride),
    FIELD(pagoda_paged_decode_params, num_seqs),
    FIELD(pagoda_paged_decode_params, num_query_heads),
    FIELD(pagoda_paged_decode_params, row_dtype),
    FIELD(pagoda_paged_decode_params, window_tokens),
    FIELD(pagoda_paged_decode_params, softmax_scale),
    FIELD(pagoda_paged_decode_params, logit_soft_cap),

    FIELD(pagoda_paged_prefill_params, layer),
    FIELD(pagoda_paged_prefill_params, queries),
    FIELD(pagoda_paged_prefill_params, output),
    FIELD(pagoda_paged_prefill_params, maybe_lse),
    FIELD(pagoda_paged_prefill_params, block_tables),
    FIELD(pagoda_paged_prefill_params, context_lengths),
    FIELD(pagoda_paged_prefill_params, cumulative_query_lengths),
    FIELD(pagoda_paged_prefill_params, maybe_alibi_slopes),
    FIELD(pagoda_paged_prefill_params, maybe_sinks),
    FIELD(pagoda_paged_prefill_params, workspace),
    FIELD(pagoda_paged_prefill_params, workspace_bytes),
    FIELD(pagoda_paged_prefill_params, query_row_stride_bytes),
    FIELD(pagoda_paged_prefill_params, output_row_stride_bytes),
    FIELD(pagoda_paged_prefill_params, block_table_stride),
    FIELD(pagoda_paged_prefill_params, num_seqs),
    FIELD(pagoda_paged_prefill_params, num_tokens),
    FIELD(pagoda_paged_prefill_params, num_query_heads),
    FIELD(pagoda_paged_prefill_params, row_dtype),
    FIELD(pagoda_paged_prefill_params, window_tokens),
    FIELD(pagoda_paged_prefill_params, is_causal),
    FIELD(pagoda_paged_prefill_params, softmax_scale),
    FIELD(pagoda_paged_prefill_params, logit_soft_cap),

    FIELD(pagoda_block_copy, source_block),
    FIELD(pagoda_block_copy, target_block),

    FIELD(pagoda_copy_blocks_params, pool),
    FIELD(pagoda_copy_blocks_params, copies),
    FIELD(pagoda_copy_blocks_params, block_bytes),
    FIELD(pagoda_copy_blocks_params, num_copies),

    FIELD(pagoda_swap_blocks_params, source_pool),
    FIELD(pagoda_swap_blocks_params, target_pool),
    FIELD(pagoda_swap_blocks_params, copies),
    FIELD(pagoda_swap_blocks_params, block_bytes),
    FIELD(pagoda_swap_blocks_params, num_copies),

    FIELD(pagoda_fill_memory_params, target),
    FIELD(pagoda_fill_memory_params, num_bytes),
    FIELD(pagoda_fill_memory_params, byte_value),

    FIELD(pagoda_copy_memory_params, source),
    FIELD(pagoda_copy_memory_params, target),
    FIELD(pagoda_copy_memory_params, num_bytes),

    FIELD(pagoda_word_run, target_word),
    FIELD(pagoda_word_run, source_word),
    FIELD(pagoda_word_run, num_words),

    FIELD(pagoda_update_words_params, staged),
    FIELD(pagoda_update_words_params, delta),
    FIELD(pagoda_update_words_params, target),
    FIELD(pagoda_update_words_params, num_target_words),
    FIELD(pagoda_update_words_params, num_bytes),
    FIELD(pagoda_update_words_params, num_runs),

    FIELD(pagoda_validate_step_params, block_tables),
    FIELD(pagoda_validate_step_params, context_lengths),
    FIELD(pagoda_validate_step_params, cumulative_query_lengths),
    FIELD(pagoda_validate_step_params, slot_mapping),
    FIELD(pagoda_validate_step_params, report),
    FIELD(pagoda_validate_step_params, block_table_stride),
    FIELD(pagoda_validate_step_params, num_seqs),
    FIELD(pagoda_validate_step_params, num_tokens),
    FIELD(pagoda_validate_step_params, num_blocks),
    FIELD(pagoda_validate_step_params, block_size),

    FIELD(pagoda_merge_partials_params, partial_outputs),
    FIELD(pagoda_merge_partials_params, partial_lse),
    FIELD(pagoda_merge_partials_params, output),
    FIELD(pagoda_merge_partials_params, maybe_lse),
    FIELD(pagoda_merge_partials_params, num_partials),
    FIELD(pagoda_merge_partials_params, num_rows),
    FIELD(pagoda_merge_partials_params, head_dim),
    FIELD(pagoda_merge_partials_params, row_dtype),
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
