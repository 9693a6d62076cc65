// Wrong calls about memory, streams and step updates are refused by name, on any machine.

#include "claim.h"
#include "pagoda/pagoda.h"

static pagoda_error untouched_error(void) {
  pagoda_error error;
  memset(&error, 0x7f, sizeof error);
  return error;
}

// Expects a refusal that contains some words; `error` is the name that the call uses.
#define REFUSED(call, words)                         \
  do {                                               \
    pagoda_error error = untouched_error();          \
    CLAIM((call) == PAGODA_STATUS_INVALID_ARGUMENT); \
    CLAIM_CONTAINS(error.text, words);               \
    CLAIM(error.cuda_error == 0);                    \
  } while (0)

#define REFUSES(operation, type, good, field, bad, words) \
  do {                                                    \
    type params = good;                                   \
    params.field = bad;                                   \
    REFUSED(operation(&params, NULL, &error), words);     \
  } while (0)

static void refuses_missing_results(void) {
  uint64_t address = 17;
  int dummy = 0;
  void* const handle = &dummy;
  REFUSED(pagoda_context_open(0, NULL, &error), "context=NULL");
  REFUSED(pagoda_context_enter(NULL, NULL, &error), "previous=NULL");
  REFUSED(pagoda_context_device(NULL, &error), "device_idx=NULL");
  REFUSED(pagoda_memory_allocate(16, NULL, &error), "address=NULL");
  REFUSED(pagoda_pinned_allocate(16, NULL, &error), "address=NULL");
  REFUSED(pagoda_memory_allocate(0, &address, &error), "num_bytes=0");
  REFUSED(pagoda_pinned_allocate(-1, &address, &error), "num_bytes=-1");
  CLAIM(address == 17);
  REFUSED(pagoda_stream_create(NULL, &error), "stream=NULL");
  REFUSED(pagoda_stream_destroy(NULL, &error), "stream=NULL");
  REFUSED(pagoda_stream_query(handle, NULL, &error), "is_idle=NULL");
  REFUSED(pagoda_stream_wait_event(handle, NULL, &error), "event=NULL");
  REFUSED(pagoda_event_create(NULL, &error), "event=NULL");
  REFUSED(pagoda_event_destroy(NULL, &error), "event=NULL");
  REFUSED(pagoda_event_record(NULL, NULL, &error), "event=NULL");
  REFUSED(pagoda_event_wait(NULL, &error), "event=NULL");
  REFUSED(pagoda_event_query(NULL, &(int32_t){0}, &error), "event=NULL");
  REFUSED(pagoda_event_query(handle, NULL, &error), "has_passed=NULL");
  REFUSED(pagoda_capture_begin(NULL, &error), "stream=NULL");
  REFUSED(pagoda_capture_end(NULL, &(void*){0}, &error), "stream=NULL");
  REFUSED(pagoda_capture_end(handle, NULL, &error), "graph=NULL");
  REFUSED(pagoda_capture_query(NULL, NULL, &error), "is_capturing=NULL");
  REFUSED(pagoda_graph_launch(NULL, NULL, &error), "graph=NULL");
  REFUSED(pagoda_graph_destroy(NULL, &error), "graph=NULL");
  REFUSED(pagoda_context_open(-3, &(void*){0}, &error), "device_idx=-3");
}

static void refuses_operations_by_field(void) {
  const pagoda_fill_memory_params fill = {4096, 64, 255};
  REFUSES(pagoda_fill_memory, pagoda_fill_memory_params, fill, target, 0, "target=0");
  REFUSES(pagoda_fill_memory, pagoda_fill_memory_params, fill, num_bytes, -1, "num_bytes=-1");
  REFUSES(pagoda_fill_memory, pagoda_fill_memory_params, fill, byte_value, 256, "byte_value=256");
  REFUSED(pagoda_fill_memory(NULL, NULL, &error), "params=NULL");

  const pagoda_copy_memory_params copy = {4096, 8192, 64};
  REFUSES(pagoda_copy_memory, pagoda_copy_memory_params, copy, source, 0, "source=0");
  REFUSES(pagoda_copy_memory, pagoda_copy_memory_params, copy, target, 0, "target=0");
  REFUSES(pagoda_copy_memory, pagoda_copy_memory_params, copy, num_bytes, -4, "num_bytes=-4");

  const pagoda_update_words_params update = {4096, 4096, 4096, 100, 64, 2};
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, staged, 4, "staged=0x4");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, delta, 0, "delta=0");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, target, 2, "target=0x2");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, num_target_words, 0,
          "num_target_words=0");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, num_bytes, 31, "num_bytes=31");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, num_bytes, 33, "num_bytes=33");
  REFUSES(pagoda_update_words, pagoda_update_words_params, update, num_runs, -1, "num_runs=-1");

  const pagoda_validate_step_params step = {4096, 4096, 4096, 4096, 4096, 1, 1, 1, 1, 16};
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, block_tables, 0,
          "block_tables=0");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, context_lengths, 2,
          "context_lengths=0x2");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, cumulative_query_lengths, 0,
          "cumulative_query_lengths=0");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, slot_mapping, 4,
          "slot_mapping=0x4");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, report, 0, "report=0");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, block_table_stride, 0,
          "block_table_stride=0");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, num_seqs, -1, "num_seqs=-1");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, num_tokens, -1, "num_tokens=-1");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, num_blocks, 0, "num_blocks=0");
  REFUSES(pagoda_validate_step, pagoda_validate_step_params, step, block_size, 0, "block_size=0");

  const pagoda_merge_partials_params merge = {4096, 4096, 4096, 0, 2, 8, 64, PAGODA_DTYPE_BF16};
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, partial_outputs, 1,
          "partial_outputs=0x1");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, partial_lse, 0,
          "partial_lse=0");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, output, 0, "output=0");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, maybe_lse, 2,
          "maybe_lse=0x2");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, num_partials, 0,
          "num_partials=0");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, num_rows, -1, "num_rows=-1");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, head_dim, 0, "head_dim=0");
  REFUSES(pagoda_merge_partials, pagoda_merge_partials_params, merge, row_dtype, 7, "row_dtype=7");
}

static void does_nothing_for_nothing(void) {
  const pagoda_fill_memory_params fill = {0, 0, 0};
  CLAIM(pagoda_fill_memory(&fill, NULL, NULL) == PAGODA_STATUS_OK);
  const pagoda_copy_memory_params copy = {0, 0, 0};
  CLAIM(pagoda_copy_memory(&copy, NULL, NULL) == PAGODA_STATUS_OK);
  const pagoda_update_words_params update = {0};
  CLAIM(pagoda_update_words(&update, NULL, NULL) == PAGODA_STATUS_OK);
  const pagoda_validate_step_params step = {0};
  CLAIM(pagoda_validate_step(&step, NULL, NULL) == PAGODA_STATUS_OK);
  const pagoda_merge_partials_params merge = {.num_partials = 1, .head_dim = 1};
  CLAIM(pagoda_merge_partials(&merge, NULL, NULL) == PAGODA_STATUS_OK);
  CLAIM(pagoda_memory_free(0, NULL) == PAGODA_STATUS_OK);
  CLAIM(pagoda_pinned_free(0, NULL) == PAGODA_STATUS_OK);
}

// Where there is no device, each of them says so instead of failing in its own way.
static void says_why_there_is_no_device(void) {
  int32_t num_devices = 0;
  const pagoda_status none = pagoda_device_count(&num_devices, NULL);
  if (none == PAGODA_STATUS_OK) {
    return;
  }
  uint64_t address = 0;
  void* handle = NULL;
  pagoda_error error = untouched_error();
  CLAIM(pagoda_memory_allocate(16, &address, &error) == none);
  CLAIM(strlen(error.text) > 0 && strlen(error.text) < sizeof error.text);
  CLAIM(pagoda_pinned_allocate(16, &address, NULL) == none);
  CLAIM(pagoda_stream_create(&handle, NULL) == none);
  CLAIM(pagoda_event_create(&handle, NULL) == none);
  CLAIM(pagoda_context_open(0, &handle, NULL) == none);
  CLAIM(pagoda_context_device(&num_devices, NULL) == none);
}

int main(void) {
  refuses_missing_results();
  refuses_operations_by_field();
  does_nothing_for_nothing();
  says_why_there_is_no_device();
  return num_false_claims == 0 ? 0 : 1;
}
