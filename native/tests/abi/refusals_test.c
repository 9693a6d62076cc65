// What the caller does wrong is refused by name, before CUDA is asked and on any machine.

#include <math.h>

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

static pagoda_kv_layer good_layer(void) {
  const pagoda_kv_layer layer = {.pool = 1 << 20,
                                 .num_blocks = 4,
                                 .block_bytes = 65536,
                                 .key_base_bytes = 0,
                                 .value_base_bytes = 32768,
                                 .key_tile_bytes = 4096,
                                 .value_tile_bytes = 4096,
                                 .num_kv_heads = 8,
                                 .block_size = 16,
                                 .key_head_dim = 128,
                                 .value_head_dim = 128,
                                 .key_dtype = PAGODA_DTYPE_BF16,
                                 .value_dtype = PAGODA_DTYPE_BF16};
  return layer;
}

static pagoda_paged_decode_params good_decode(void) {
  const pagoda_paged_decode_params params = {.layer = good_layer(),
                                             .queries = 4096,
                                             .output = 4096,
                                             .block_tables = 4096,
                                             .context_lengths = 4096,
                                             .workspace = 4096,
                                             .workspace_bytes = 1,
                                             .query_row_stride_bytes = 8192,
                                             .output_row_stride_bytes = 8192,
                                             .block_table_stride = 1,
                                             .num_seqs = 1,
                                             .num_query_heads = 32,
                                             .row_dtype = PAGODA_DTYPE_BF16,
                                             .softmax_scale = 0.1f};
  return params;
}

static pagoda_paged_prefill_params good_prefill(void) {
  const pagoda_paged_prefill_params params = {.layer = good_layer(),
                                              .queries = 4096,
                                              .output = 4096,
                                              .block_tables = 4096,
                                              .context_lengths = 4096,
                                              .cumulative_query_lengths = 4096,
                                              .workspace = 4096,
                                              .workspace_bytes = 1,
                                              .query_row_stride_bytes = 8192,
                                              .output_row_stride_bytes = 8192,
                                              .block_table_stride = 1,
                                              .num_seqs = 1,
                                              .num_tokens = 1,
                                              .num_query_heads = 32,
                                              .row_dtype = PAGODA_DTYPE_BF16,
                                              .is_causal = 1,
                                              .softmax_scale = 0.1f};
  return params;
}

static pagoda_write_kv_params good_write(void) {
  const pagoda_write_kv_params params = {.layer = good_layer(),
                                         .keys = 4096,
                                         .values = 4096,
                                         .slot_mapping = 4096,
                                         .key_row_stride_bytes = 2048,
                                         .value_row_stride_bytes = 2048,
                                         .num_tokens = 1,
                                         .row_dtype = PAGODA_DTYPE_BF16};
  return params;
}

// Changes one field of good parameters and expects a refusal that ends with its name and value.
#define REFUSES(operation, good, field, bad, words)                          \
  do {                                                                       \
    good.field = bad;                                                        \
    pagoda_error error = untouched_error();                                  \
    CLAIM(operation(&good, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT); \
    CLAIM_CONTAINS(error.text, words);                                       \
    CLAIM(error.cuda_error == 0);                                            \
  } while (0)

#define REFUSES_DECODE(field, bad, words)                    \
  do {                                                       \
    pagoda_paged_decode_params params = good_decode();       \
    REFUSES(pagoda_paged_decode, params, field, bad, words); \
  } while (0)

#define REFUSES_PREFILL(field, bad, words)                    \
  do {                                                        \
    pagoda_paged_prefill_params params = good_prefill();      \
    REFUSES(pagoda_paged_prefill, params, field, bad, words); \
  } while (0)

#define REFUSES_WRITE(field, bad, words)                 \
  do {                                                   \
    pagoda_write_kv_params params = good_write();        \
    REFUSES(pagoda_write_kv, params, field, bad, words); \
  } while (0)

static void refuses_layers_that_do_not_fit(void) {
  REFUSES_WRITE(layer.pool, 0, "pool=0");
  REFUSES_WRITE(layer.pool, 4097, "pool=0x1001");
  REFUSES_WRITE(layer.num_blocks, 0, "num_blocks=0");
  REFUSES_WRITE(layer.block_bytes, 65537, "block_bytes=65537");
  REFUSES_WRITE(layer.block_size, 0, "block_size=0");
  REFUSES_WRITE(layer.block_size, 1025, "block_size=1025");
  REFUSES_WRITE(layer.num_kv_heads, 0, "num_kv_heads=0");
  REFUSES_WRITE(layer.num_kv_heads, 16, "block_bytes=65536");
  REFUSES_WRITE(layer.key_tile_bytes, 4095, "key_tile_bytes=4095");
  REFUSES_WRITE(layer.value_tile_bytes, 4100, "value_tile_bytes=4100");
  REFUSES_WRITE(layer.value_base_bytes, -64, "value_base_bytes=-64");
  REFUSES_WRITE(layer.key_dtype, 3, "key_dtype=3");
  REFUSES_DECODE(layer.value_head_dim, 257, "value_head_dim=257");
  // Values of four bytes need tiles of twice the size.
  REFUSES_DECODE(layer.value_dtype, PAGODA_DTYPE_FP32, "value_tile_bytes=4096");
}

static void refuses_operations_by_field(void) {
  REFUSES_WRITE(keys, 0, "keys=0");
  REFUSES_WRITE(values, 4097, "values=0x1001");
  REFUSES_WRITE(slot_mapping, 4100, "slot_mapping=0x1004");
  REFUSES_WRITE(num_tokens, -1, "num_tokens=-1");
  REFUSES_WRITE(row_dtype, -1, "row_dtype=-1");
  REFUSES_WRITE(key_row_stride_bytes, 2046, "key_row_stride_bytes=2046");
  REFUSES_WRITE(value_row_stride_bytes, 2049, "value_row_stride_bytes=2049");

  REFUSES_DECODE(num_seqs, -1, "num_seqs=-1");
  REFUSES_DECODE(num_query_heads, 33, "num_query_heads=33, num_kv_heads=8");
  REFUSES_DECODE(window_tokens, -1, "window_tokens=-1");
  REFUSES_DECODE(softmax_scale, (float)INFINITY, "softmax_scale=inf");
  REFUSES_DECODE(logit_soft_cap, -1.0f, "logit_soft_cap=-1");
  REFUSES_DECODE(queries, 0, "queries=0");
  REFUSES_DECODE(output, 0, "output=0");
  REFUSES_DECODE(block_tables, 2, "block_tables=0x2");
  REFUSES_DECODE(context_lengths, 0, "context_lengths=0");
  REFUSES_DECODE(workspace, 128, "workspace=0x80");
  REFUSES_DECODE(block_table_stride, 0, "block_table_stride=0");
  REFUSES_DECODE(output_row_stride_bytes, 8190, "output_row_stride_bytes=8190");

  REFUSES_PREFILL(layer.pool, 0, "pool=0");
  REFUSES_PREFILL(layer.key_head_dim, 257, "key_head_dim=257");
  REFUSES_PREFILL(num_seqs, -1, "num_seqs=-1");
  REFUSES_PREFILL(num_tokens, -1, "num_tokens=-1");
  REFUSES_PREFILL(num_query_heads, 33, "num_query_heads=33, num_kv_heads=8");
  REFUSES_PREFILL(row_dtype, 3, "row_dtype=3");
  REFUSES_PREFILL(window_tokens, -1, "window_tokens=-1");
  REFUSES_PREFILL(is_causal, 2, "is_causal=2");
  REFUSES_PREFILL(softmax_scale, (float)NAN, "softmax_scale=");
  REFUSES_PREFILL(logit_soft_cap, -1.0f, "logit_soft_cap=-1");
  REFUSES_PREFILL(queries, 0, "queries=0");
  REFUSES_PREFILL(output, 4097, "output=0x1001");
  REFUSES_PREFILL(maybe_lse, 2, "maybe_lse=0x2");
  REFUSES_PREFILL(maybe_alibi_slopes, 2, "maybe_alibi_slopes=0x2");
  REFUSES_PREFILL(maybe_sinks, 2, "maybe_sinks=0x2");
  REFUSES_PREFILL(block_tables, 2, "block_tables=0x2");
  REFUSES_PREFILL(context_lengths, 0, "context_lengths=0");
  REFUSES_PREFILL(cumulative_query_lengths, 0, "cumulative_query_lengths=0");
  REFUSES_PREFILL(cumulative_query_lengths, 6, "cumulative_query_lengths=0x6");
  REFUSES_PREFILL(workspace, 128, "workspace=0x80");
  REFUSES_PREFILL(block_table_stride, 0, "block_table_stride=0");
  REFUSES_PREFILL(query_row_stride_bytes, 8190, "query_row_stride_bytes=8190");
  REFUSES_PREFILL(output_row_stride_bytes, 8190, "output_row_stride_bytes=8190");
  REFUSES_DECODE(maybe_lse, 2, "maybe_lse=0x2");

  pagoda_copy_blocks_params copy = {4096, 4096, 4096, 1};
  REFUSES(pagoda_copy_blocks, copy, num_copies, -1, "num_copies=-1");
  pagoda_copy_blocks_params odd = {4096, 4096, 4096, 1};
  REFUSES(pagoda_copy_blocks, odd, block_bytes, 4095, "block_bytes=4095");
  pagoda_swap_blocks_params swap = {4096, 4096, 4096, 4096, 1};
  REFUSES(pagoda_swap_blocks, swap, target_pool, 0, "target_pool=0");

  pagoda_error error = untouched_error();
  CLAIM(pagoda_paged_decode(NULL, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "params=NULL");
  const pagoda_paged_decode_params params = good_decode();
  CLAIM(pagoda_paged_decode_workspace(&params, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "workspace_bytes=NULL");
  CLAIM(pagoda_paged_prefill(NULL, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "params=NULL");
  const pagoda_paged_prefill_params prefill = good_prefill();
  error = untouched_error();
  CLAIM(pagoda_paged_prefill_workspace(&prefill, NULL, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "workspace_bytes=NULL");
}

static void does_nothing_for_nothing(void) {
  pagoda_write_kv_params write = good_write();
  write.num_tokens = 0;
  CLAIM(pagoda_write_kv(&write, NULL, NULL) == PAGODA_STATUS_OK);
  pagoda_paged_decode_params decode = good_decode();
  decode.num_seqs = 0;
  CLAIM(pagoda_paged_decode(&decode, NULL, NULL) == PAGODA_STATUS_OK);
  pagoda_paged_prefill_params prefill = good_prefill();
  prefill.num_seqs = 0;
  CLAIM(pagoda_paged_prefill(&prefill, NULL, NULL) == PAGODA_STATUS_OK);
  prefill = good_prefill();
  prefill.num_tokens = 0;
  CLAIM(pagoda_paged_prefill(&prefill, NULL, NULL) == PAGODA_STATUS_OK);
  const pagoda_copy_blocks_params copy = {4096, 0, 4096, 0};
  CLAIM(pagoda_copy_blocks(&copy, NULL, NULL) == PAGODA_STATUS_OK);
}

int main(void) {
  refuses_layers_that_do_not_fit();
  refuses_operations_by_field();
  does_nothing_for_nothing();
  refuses_missing_results();
  refuses_indices_out_of_range();
  works_without_an_error_record();
  leaves_the_error_record_alone_on_success();
  counts_no_device_below_one();
  return num_false_claims == 0 ? 0 : 1;
}
