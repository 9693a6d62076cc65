/*
 * The C ABI of Pagoda's CUDA library, and the only header that jextract reads.
 *
 * Every function that can fail returns a pagoda_status and takes a pagoda_error* as its last
 * parameter, which may be NULL and which that very call fills when it does not succeed. No function
 * prints, exits, reads an environment variable or lets a C++ exception out: what goes wrong inside
 * comes back as INTERNAL_ERROR, from any of them. Structs hold sized integers, floats, arrays of
 * char, one another and no padding, so that a caller in any language can lay them out from this
 * text.
 *
 * A field that holds an address is a uint64_t and says whose memory it points into; 0 is none.
 * Device memory is that of the calling thread's current device. Operations on a stream borrow every
 * address until the work queued has run, allocate nothing, return once the work is queued, and can
 * be captured in a CUDA graph. A fault while the work runs shows up in a later call, which returns
 * DEVICE_FAULT, and so does every call after it: the context is lost, and its memory with it.
 *
 * The header is C11 and C++17.
 */
#ifndef PAGODA_PAGODA_H
#define PAGODA_PAGODA_H

#include <stdint.h>

#if defined(__GNUC__)
#define PAGODA_API __attribute__((visibility("default")))
#else
#define PAGODA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Rises with every change of this header that a caller compiled before it would notice. */
#define PAGODA_ABI_VERSION 3

/** How a call ended: 0 is success, and each other value is one kind of reason. */
typedef int32_t pagoda_status;
enum {
  PAGODA_STATUS_OK = 0,
  PAGODA_STATUS_INVALID_ARGUMENT = 1, /* the caller's mistake; nothing was done */
  PAGODA_STATUS_NO_DRIVER = 2,        /* no NVIDIA driver on this machine */
  PAGODA_STATUS_DRIVER_TOO_OLD = 3,   /* the driver is older than the library can use */
  PAGODA_STATUS_NO_DEVICE = 4,        /* a fitting driver, but no device this process may use */
  PAGODA_STATUS_UNSUPPORTED = 5,      /* the device or the request is outside what was built */
  PAGODA_STATUS_CUDA_FAILURE = 6,     /* CUDA refused; pagoda_error.cuda_error says how */
  PAGODA_STATUS_INTERNAL_ERROR = 7,   /* the library's mistake, or host memory ran out */
  PAGODA_STATUS_DEVICE_FAULT = 8      /* work that ran broke the context, which stays broken */
};

/** Why a call failed. Written only when the call returns a status other than OK. */
typedef struct pagoda_error {
  int32_t cuda_error; /* cudaError_t of the failing call; 0 when CUDA was not at fault */
  char text[252];     /* NUL-terminated UTF-8, one sentence, names the offending field and value */
} pagoda_error;

/**
 * The PAGODA_ABI_VERSION that the library was compiled with.
 *
 * Call it before anything else and compare for equality: it is the one function whose signature
 * never changes.
 */
PAGODA_API int32_t pagoda_abi_version(void);

/** One field of one struct of this header, as the compiler of the library laid it out. */
typedef struct pagoda_struct_field {
  char struct_name[64]; /* NUL-terminated, as written in this header */
  char field_name[64];  /* NUL-terminated, as written in this header */
  int64_t struct_bytes; /* sizeof the struct */
  int64_t offset_bytes; /* of the field in the struct */
  int64_t field_bytes;  /* sizeof the field, all elements of an array */
} pagoda_struct_field;

/** The number of fields that pagoda_struct_field_describe knows: those of every struct here. */
PAGODA_API int32_t pagoda_struct_field_count(void);

/**
 * Says where one field of one struct lies, so that bindings can be checked against the library.
 *
 *   field_idx   in [0, pagoda_struct_field_count()); fields of a struct follow one another
 *   field       host, overwritten on success
 *   error       host, may be NULL
 *
 * Threads:   any thread.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for an index out of range or a null field.
 */
PAGODA_API pagoda_status pagoda_struct_field_describe(int32_t field_idx, pagoda_struct_field* field,
                                                      pagoda_error* error);

/**
 * Counts the CUDA devices that this process may use, and says why there are none.
 *
 *   num_devices   host; at least 1 on success, 0 otherwise
 *   error         host, may be NULL
 *
 * Threads:   any thread.
 * Blocking:  the first call of a process starts the driver, which can take a second.
 *
 * Returns OK when there is a device;
 *         INVALID_ARGUMENT for a null num_devices;
 *         NO_DRIVER without an NVIDIA driver;
 *         DRIVER_TOO_OLD when the driver is older than the CUDA runtime inside the library; the
 *         text names both versions;
 *         NO_DEVICE when the driver shows no device to this process;
 *         CUDA_FAILURE for any other answer of CUDA.
 */
PAGODA_API pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error* error);

/** What is known about one device. CUDA versions are 1000 * major + 10 * minor: 13000 is 13.0. */
typedef struct pagoda_device_description {
  char name[256];                   /* NUL-terminated UTF-8, as the driver spells it */
  int64_t total_memory_bytes;       /* device memory */
  int64_t free_memory_bytes;        /* device memory that nobody held when the call was made */
  int32_t device_idx;               /* the index that was asked for */
  int32_t compute_capability_major; /* 9 of 9.0 */
  int32_t compute_capability_minor; /* 0 of 9.0 */
  int32_t num_multiprocessors;
  int32_t driver_version;  /* the newest CUDA that the driver supports */
  int32_t runtime_version; /* the CUDA runtime inside the library */
} pagoda_device_description;

/**
 * Describes one device.
 *
 *   device_idx    in [0, number of devices)
 *   description   host, overwritten on success
 *   error         host, may be NULL
 *
 * Threads:   any thread; the caller's current device stays what it was.
 * Blocking:  the first call for a device creates its primary context, which takes a moment and
 *            some of the device's memory.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for an index out of range or a null description;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when CUDA would not answer.
 */
PAGODA_API pagoda_status pagoda_device_describe(int32_t device_idx,
                                                pagoda_device_description* description,
                                                pagoda_error* error);

/**
 * Proves that this library has kernels for a device: runs one, and reads back what it wrote.
 *
 *   device_idx           in [0, number of devices)
 *   image_architecture   host, overwritten on success: 10 * major + minor of the kernel image that
 *                        ran, 90 for Hopper's machine code, 80 for PTX that the driver compiled
 *   error                host, may be NULL
 *
 * Threads:   any thread; the caller's current device stays what it was.
 * Blocking:  waits for the kernel; the first call for a device creates its primary context and may
 *            wait for the driver to compile PTX.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for an index out of range or a null image_architecture;
 *         UNSUPPORTED when no image fits; the text lists the architectures that were built and the
 *         device's own;
 *         DRIVER_TOO_OLD when the driver cannot compile the library's PTX;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when CUDA refused, or the kernel wrote nothing.
 */
PAGODA_API pagoda_status pagoda_device_check(int32_t device_idx, int32_t* image_architecture,
                                             pagoda_error* error);

/**
 * Opens the primary context of a device, which every user of the CUDA runtime shares.
 *
 * A context is a CUcontext of the driver. It is current to a thread or it is not; operations work
 * in the one that is. The primary one lives as long as the process.
 *
 *   device_idx   in [0, number of devices)
 *   context      host, overwritten on success
 *   error        host, may be NULL
 *
 * Threads:   any thread; what is current to it stays what it was.
 * Blocking:  the first call for a device creates its primary context, which takes a moment.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for an index out of range or a null context;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when CUDA would not.
 */
PAGODA_API pagoda_status pagoda_context_open(int32_t device_idx, void** context,
                                             pagoda_error* error);

/**
 * Makes a context current to the calling thread, and says which one was.
 *
 *   context    CUcontext, this library's or the caller's own; NULL for none
 *   previous   host, overwritten on success: what was current, NULL for none
 *   error      host, may be NULL
 *
 * Threads:   any thread; changes nothing for others.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for a null previous;
 *         NO_DRIVER without an NVIDIA driver;
 *         CUDA_FAILURE for what is no context.
 */
PAGODA_API pagoda_status pagoda_context_enter(void* context, void** previous, pagoda_error* error);

/**
 * Says which device the current context is of; without one the device that would be used.
 *
 *   device_idx   host, overwritten on success
 *   error        host, may be NULL
 *
 * Threads:   any thread.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for a null device_idx;
 *         what pagoda_device_count returns when there is no device.
 */
PAGODA_API pagoda_status pagoda_context_device(int32_t* device_idx, pagoda_error* error);

/**
 * Allocates device memory in the current context.
 *
 *   num_bytes   at least 1
 *   address     host, overwritten on success; 256-byte aligned
 *   error       host, may be NULL
 *
 * Ownership: the caller's, until pagoda_memory_free.
 * Threads:   any thread.
 * Blocking:  may wait for the device. Not while a stream is captured.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for a size below 1 or a null address;
 *         CUDA_FAILURE with cuda_error 2 when there is not so much left; the text has the numbers;
 *         what pagoda_device_count returns when there is no device.
 */
PAGODA_API pagoda_status pagoda_memory_allocate(int64_t num_bytes, uint64_t* address,
                                                pagoda_error* error);

/** Frees what pagoda_memory_allocate gave; waits for work that may use it. 0 is allowed. */
PAGODA_API pagoda_status pagoda_memory_free(uint64_t address, pagoda_error* error);

/**
 * Allocates host memory that devices read and write where it lies, and that copies run from.
 *
 *   num_bytes   at least 1
 *   address     host, overwritten on success: valid on the host and on every device
 *   error       host, may be NULL
 *
 * Ownership: the caller's, until pagoda_pinned_free.
 * Threads:   any thread.
 * Blocking:  pages are locked one by one: a second for some gigabytes.
 *
 * Returns as pagoda_memory_allocate.
 */
PAGODA_API pagoda_status pagoda_pinned_allocate(int64_t num_bytes, uint64_t* address,
                                                pagoda_error* error);

/** Frees what pagoda_pinned_allocate gave; waits for work that may use it. 0 is allowed. */
PAGODA_API pagoda_status pagoda_pinned_free(uint64_t address, pagoda_error* error);

/** Memory to fill. */
typedef struct pagoda_fill_memory_params {
  uint64_t target;    /* device */
  int64_t num_bytes;  /* at least 0 */
  int64_t byte_value; /* 0 to 255; 255 reads as NaN in every dtype */
} pagoda_fill_memory_params;

/**
 * Fills memory with one byte.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns OK, also when num_bytes is 0 (nothing is queued);
 *         INVALID_ARGUMENT for a value outside what the struct says, before anything is queued;
 *         CUDA_FAILURE when CUDA refused; what pagoda_device_count returns without a device.
 */
PAGODA_API pagoda_status pagoda_fill_memory(const pagoda_fill_memory_params* params, void* stream,
                                            pagoda_error* error);

/** A copy of bytes, between any two memories. */
typedef struct pagoda_copy_memory_params {
  uint64_t source;   /* device or host; pinned, or the call waits until the bytes were read */
  uint64_t target;   /* device or host; pinned, or the call waits until the bytes are there */
  int64_t num_bytes; /* at least 0 */
} pagoda_copy_memory_params;

/**
 * Copies bytes between host and device, or inside one of them. The two must not overlap.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns as pagoda_fill_memory.
 */
PAGODA_API pagoda_status pagoda_copy_memory(const pagoda_copy_memory_params* params, void* stream,
                                            pagoda_error* error);

/**
 * Makes a stream in the current context: its work runs in the order of the calls, and does not
 * wait for the default stream.
 *
 *   stream   host, overwritten on success: a cudaStream_t, which is a CUstream too
 *   error    host, may be NULL
 *
 * Ownership: the caller's, until pagoda_stream_destroy.
 *
 * Returns OK; INVALID_ARGUMENT for a null stream; CUDA_FAILURE when CUDA refused; what
 *         pagoda_device_count returns without a device.
 */
PAGODA_API pagoda_status pagoda_stream_create(void** stream, pagoda_error* error);

/** Destroys a stream that pagoda_stream_create made; work queued on it still runs. */
PAGODA_API pagoda_status pagoda_stream_destroy(void* stream, pagoda_error* error);

/** Waits until everything queued on a stream has passed. DEVICE_FAULT when it broke the context. */
PAGODA_API pagoda_status pagoda_stream_wait(void* stream, pagoda_error* error);

/**
 * Asks, without waiting, whether everything queued on a stream has passed, and whether any work of
 * the context has broken it.
 *
 *   stream    cudaStream_t, or NULL for the default stream; not one that is captured
 *   is_idle   host, overwritten on success: 1 or 0
 *   error     host, may be NULL
 *
 * Returns OK; DEVICE_FAULT with the fault's own words when the context is broken, as every call
 *         does from then on; INVALID_ARGUMENT for a null is_idle; otherwise as
 *         pagoda_stream_create.
 */
PAGODA_API pagoda_status pagoda_stream_query(void* stream, int32_t* is_idle, pagoda_error* error);

/** Makes later work on a stream wait until an event has passed; the host does not wait. */
PAGODA_API pagoda_status pagoda_stream_wait_event(void* stream, void* event, pagoda_error* error);

/** Makes an event, a mark in a stream without a time: a cudaEvent_t in *event, the caller's. */
PAGODA_API pagoda_status pagoda_event_create(void** event, pagoda_error* error);

/** Destroys an event that pagoda_event_create made. */
PAGODA_API pagoda_status pagoda_event_destroy(void* event, pagoda_error* error);

/** Puts the mark behind everything queued on a stream so far. */
PAGODA_API pagoda_status pagoda_event_record(void* event, void* stream, pagoda_error* error);

/** Waits until the mark has passed; returns at once for one that was never put anywhere. */
PAGODA_API pagoda_status pagoda_event_wait(void* event, pagoda_error* error);

/** Asks without waiting: *has_passed becomes 1 or 0. */
PAGODA_API pagoda_status pagoda_event_query(void* event, int32_t* has_passed, pagoda_error* error);

/**
 * Begins to record what the calling thread queues on a stream, instead of running it.
 *
 * Until pagoda_capture_end nothing may wait for the stream or allocate memory in this thread.
 *
 *   stream   cudaStream_t, not the default stream
 *   error    host, may be NULL
 *
 * Returns OK; INVALID_ARGUMENT for a null stream; CUDA_FAILURE when CUDA refused, for instance
 *         because the stream is captured already.
 */
PAGODA_API pagoda_status pagoda_capture_begin(void* stream, pagoda_error* error);

/**
 * Ends a capture and makes a graph of it that can be launched.
 *
 *   stream   the one of pagoda_capture_begin
 *   graph    host, overwritten on success: a cudaGraphExec_t, the caller's
 *   error    host, may be NULL
 *
 * Threads:   the thread that began. Whatever it returns, the capture has ended.
 *
 * Returns OK; INVALID_ARGUMENT for a null pointer; CUDA_FAILURE when something was queued that
 *         cannot be captured.
 */
PAGODA_API pagoda_status pagoda_capture_end(void* stream, void** graph, pagoda_error* error);

/** Asks whether a stream is captured: *is_capturing becomes 1 or 0. */
PAGODA_API pagoda_status pagoda_capture_query(void* stream, int32_t* is_capturing,
                                              pagoda_error* error);

/** Queues the work of a graph; every address in it is the one that was captured. */
PAGODA_API pagoda_status pagoda_graph_launch(void* graph, void* stream, pagoda_error* error);

/** Destroys a graph that pagoda_capture_end made, once its work has run. */
PAGODA_API pagoda_status pagoda_graph_destroy(void* graph, pagoda_error* error);

/** Type of the elements of a pool, or of rows that callers hand in. */
typedef int32_t pagoda_dtype;
enum { PAGODA_DTYPE_FP32 = 0, PAGODA_DTYPE_FP16 = 1, PAGODA_DTYPE_BF16 = 2 };

/**
 * Where one layer lies in the blocks of a pool.
 *
 * Block b starts at b * block_bytes and holds every layer. The keys of KV head h of this layer are
 * the tile [block_size, key_head_dim] at key_base_bytes + h * key_tile_bytes from there, its values
 * the tile [block_size, value_head_dim] at value_base_bytes + h * value_tile_bytes.
 */
typedef struct pagoda_kv_layer {
  uint64_t pool;            /* device, [num_blocks, block_bytes] bytes, 64-byte aligned */
  int64_t num_blocks;       /* at least 1 */
  int64_t block_bytes;      /* all of the sizes here are multiples of 64 */
  int64_t key_base_bytes;   /* from the block's start */
  int64_t value_base_bytes; /* from the block's start */
  int64_t key_tile_bytes;   /* from one KV head's keys to the next */
  int64_t value_tile_bytes; /* from one KV head's values to the next */
  int32_t num_kv_heads;     /* at least 1 */
  int32_t block_size;       /* tokens, 1 to 1024 */
  int32_t key_head_dim;     /* at least 1; attention takes up to 256 */
  int32_t value_head_dim;   /* at least 1; attention takes up to 256 */
  pagoda_dtype key_dtype;
  pagoda_dtype value_dtype;
} pagoda_kv_layer;

/** Rows to write, and their slots. */
typedef struct pagoda_write_kv_params {
  pagoda_kv_layer layer;
  uint64_t keys;                  /* device, [num_tokens, num_kv_heads, key_head_dim] */
  uint64_t values;                /* device, [num_tokens, num_kv_heads, value_head_dim] */
  uint64_t slot_mapping;          /* device, int64 [num_tokens] */
  int64_t key_row_stride_bytes;   /* from one token's keys to the next; a multiple of an element */
  int64_t value_row_stride_bytes; /* from one token's values to the next; likewise */
  int32_t num_tokens;             /* at least 0 */
  pagoda_dtype row_dtype;         /* of keys and values; rounded when the pool's is narrower */
} pagoda_write_kv_params;

/**
 * Writes the keys and values of tokens into their slots, in one layer.
 *
 * A token's slot is block id * block_size + offset. A slot of -1, or one outside the pool, skips
 * the token. Slots are distinct: of two rows for one slot, either may win.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns OK, also when num_tokens is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the structs say, or rows in memory of another
 *         device that this one has no access to, before anything is queued;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when the launch was refused.
 */
PAGODA_API pagoda_status pagoda_write_kv(const pagoda_write_kv_params* params, void* stream,
                                         pagoda_error* error);

/**
 * One query row per sequence, and the context it attends to.
 *
 * The query of a sequence stands at position p = context_length - 1 and sees the positions k <= p,
 * with a window those > p - window_tokens. With scores in the natural base:
 *
 *   score[k]  = softmax_scale * (q . key[k])
 *   score[k]  = cap * tanh(score[k] / cap)            with a soft cap
 *   score[k] += slope * (k - p)                       with ALiBi slopes
 *   lse       = log(sum of exp(score[k]) + exp(sink))   the sink only with sinks
 *   output    = sum of exp(score[k] - lse) * value[k]
 *
 * A context length of 0 or less yields zeros, and minus infinity (or the sink).
 */
typedef struct pagoda_paged_decode_params {
  pagoda_kv_layer layer;
  uint64_t queries;                /* device, [num_seqs, num_query_heads, key_head_dim] */
  uint64_t output;                 /* device, [num_seqs, num_query_heads, value_head_dim] */
  uint64_t maybe_lse;              /* device, FP32 [num_seqs, num_query_heads], natural log; or 0 */
  uint64_t block_tables;           /* device, int32 [num_seqs, block_table_stride] */
  uint64_t context_lengths;        /* device, int32 [num_seqs] */
  uint64_t maybe_alibi_slopes;     /* device, FP32 [num_query_heads]; or 0 */
  uint64_t maybe_sinks;            /* device, FP32 [num_query_heads]; or 0 */
  uint64_t workspace;              /* device, 256-byte aligned; zeroed once, before its first use */
  int64_t workspace_bytes;         /* at least what pagoda_paged_decode_workspace says */
  int64_t query_row_stride_bytes;  /* from one sequence to the next; a multiple of an element */
  int64_t output_row_stride_bytes; /* from one sequence to the next; likewise */
  int64_t block_table_stride;      /* entries from one sequence to the next, at least 1 */
  int32_t num_seqs;                /* at least 0 */
  int32_t num_query_heads;         /* a multiple of num_kv_heads */
  pagoda_dtype row_dtype;          /* of queries and output; queries are rounded to the pool's */
  int32_t window_tokens;           /* 0 for no limit */
  float softmax_scale;             /* finite */
  float logit_soft_cap;            /* finite; 0 for none */
} pagoda_paged_decode_params;

/**
 * Says how much workspace pagoda_paged_decode needs on the current device.
 *
 * It depends on the device, num_query_heads, num_kv_heads and value_head_dim, and no other field is
 * read. A launch leaves the zeros that it needs as it found them, so that a workspace is zeroed
 * once; after a fault it must be zeroed again. Launches that share a workspace must not overlap.
 *
 *   params            host
 *   workspace_bytes   host, overwritten on success
 *   error             host, may be NULL
 *
 * Threads:   any thread.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for a null pointer or a field out of range;
 *         what pagoda_device_count returns when there is no device.
 */
PAGODA_API pagoda_status pagoda_paged_decode_workspace(const pagoda_paged_decode_params* params,
                                                       int64_t* workspace_bytes,
                                                       pagoda_error* error);

/**
 * Attends with one query row per sequence, over keys and values in the blocks of its table.
 *
 * Contexts are split over the device and merged in the same launch. Block ids of visible tokens are
 * in [0, num_blocks); they are not checked, and entries behind a context, or before its window, are
 * not read. Slots that hold no visible token may hold anything, NaN included. On one device the
 * output repeats to the bit.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread, with a workspace of its own; calls on different streams do not order each
 *            other.
 * Numerics:  products in FP32, of elements as the pool holds them; no TF32.
 *
 * Returns OK, also when num_seqs is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the structs say, or rows in memory of another
 *         device that this one has no access to, before anything is queued;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when the launch was refused.
 */
PAGODA_API pagoda_status pagoda_paged_decode(const pagoda_paged_decode_params* params, void* stream,
                                             pagoda_error* error);

/**
 * A ragged batch of query rows: prompts, chunks of prompts and single rows, in any mixture.
 *
 * The rows of sequence s are cumulative_query_lengths[s] to cumulative_query_lengths[s + 1], none
 * where the two are equal. They are the last tokens of its context: row t stands at position
 *
 *   p = context_lengths[s] - (cumulative_query_lengths[s + 1] - t)
 *
 * and sees the positions k of the context with k <= p, or all of them when is_causal is 0; with a
 * window those > p - window_tokens. Scores, LSE and output are those of pagoda_paged_decode_params.
 * A row that sees nothing yields zeros, and minus infinity (or the sink). Rows behind those of the
 * last sequence are padding: they are neither read nor written.
 */
typedef struct pagoda_paged_prefill_params {
  pagoda_kv_layer layer;
  uint64_t queries;         /* device, [num_tokens, num_query_heads, key_head_dim] */
  uint64_t output;          /* device, [num_tokens, num_query_heads, value_head_dim] */
  uint64_t maybe_lse;       /* device, FP32 [num_tokens, num_query_heads], natural log; or 0 */
  uint64_t block_tables;    /* device, int32 [num_seqs, block_table_stride] */
  uint64_t context_lengths; /* device, int32 [num_seqs]; with the tokens of this step */
  uint64_t cumulative_query_lengths; /* device, int32 [num_seqs + 1]: 0, rising to num_tokens */
  uint64_t maybe_alibi_slopes;       /* device, FP32 [num_query_heads]; or 0 */
  uint64_t maybe_sinks;              /* device, FP32 [num_query_heads]; or 0 */
  uint64_t workspace;                /* device, 256-byte aligned; zeroed once, before first use */
  int64_t workspace_bytes;           /* at least what pagoda_paged_prefill_workspace says */
  int64_t query_row_stride_bytes;    /* from one token to the next; a multiple of an element */
  int64_t output_row_stride_bytes;   /* from one token to the next; likewise */
  int64_t block_table_stride;        /* entries from one sequence to the next, at least 1 */
  int32_t num_seqs;                  /* at least 0 */
  int32_t num_tokens;                /* rows, padding included; at least 0 */
  int32_t num_query_heads;           /* a multiple of num_kv_heads */
  pagoda_dtype row_dtype;            /* of queries and output; queries are rounded to the pool's */
  int32_t window_tokens;             /* 0 for no limit */
  int32_t is_causal;                 /* 1; 0 when a row sees what comes after it too */
  float softmax_scale;               /* finite */
  float logit_soft_cap;              /* finite; 0 for none */
} pagoda_paged_prefill_params;

/**
 * Says how much workspace pagoda_paged_prefill needs on the current device.
 *
 * It depends on what the size for pagoda_paged_decode depends on, is at least as much, and follows
 * the same rules: a workspace of this size serves both, one launch at a time.
 *
 *   params            host
 *   workspace_bytes   host, overwritten on success
 *   error             host, may be NULL
 *
 * Threads:   any thread.
 *
 * Returns OK;
 *         INVALID_ARGUMENT for a null pointer or a field out of range;
 *         what pagoda_device_count returns when there is no device.
 */
PAGODA_API pagoda_status pagoda_paged_prefill_workspace(const pagoda_paged_prefill_params* params,
                                                        int64_t* workspace_bytes,
                                                        pagoda_error* error);

/**
 * Attends with all rows of a ragged batch, over keys and values in the blocks of its tables.
 *
 * The launch depends on the params alone: a captured one can be replayed with other lengths, up to
 * num_seqs sequences and num_tokens rows. Block ids of tokens that some row of a sequence sees are
 * in [0, num_blocks); they are not checked, and entries behind a context, or before every window,
 * are not read. Slots that hold no such token may hold anything, NaN included. On one device the
 * output repeats to the bit.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread, with a workspace of its own; calls on different streams do not order each
 *            other.
 * Numerics:  products in FP32, of elements as the pool holds them; no TF32.
 *
 * Returns OK, also when num_seqs or num_tokens is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the structs say, or rows in memory of another
 *         device that this one has no access to, before anything is queued;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when the launch was refused.
 */
PAGODA_API pagoda_status pagoda_paged_prefill(const pagoda_paged_prefill_params* params,
                                              void* stream, pagoda_error* error);

/** One block copy. */
typedef struct pagoda_block_copy {
  int32_t source_block;
  int32_t target_block;
} pagoda_block_copy;

/** Copies inside one pool. */
typedef struct pagoda_copy_blocks_params {
  uint64_t pool;       /* device, [num_blocks, block_bytes] bytes, 16-byte aligned */
  uint64_t copies;     /* device, pagoda_block_copy [num_copies]; ids in [0, num_blocks) */
  int64_t block_bytes; /* at least 16, a multiple of 16 */
  int64_t num_copies;  /* 0 to 2^31 - 1 */
} pagoda_copy_blocks_params;

/**
 * Copies whole blocks inside one device pool, every layer at once, in one launch.
 *
 * Block copies[i].source_block overwrites block copies[i].target_block. Targets are distinct, and
 * none is the source of another copy: the copies run in no particular order. Ids are not checked.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns OK, also when num_copies is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the struct says, before anything is queued;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when the launch was refused.
 */
PAGODA_API pagoda_status pagoda_copy_blocks(const pagoda_copy_blocks_params* params, void* stream,
                                            pagoda_error* error);

/** Copies between a device pool and a pinned host pool, either way. */
typedef struct pagoda_swap_blocks_params {
  uint64_t source_pool; /* device, or host memory that is pinned and mapped; 16-byte aligned */
  uint64_t target_pool; /* the other of the two */
  uint64_t copies;      /* device or pinned host, pagoda_block_copy [num_copies] */
  int64_t block_bytes;  /* at least 16, a multiple of 16 */
  int64_t num_copies;   /* 0 to 2^31 - 1 */
} pagoda_swap_blocks_params;

/**
 * Swaps whole blocks out to pinned host memory, or in again, in one launch.
 *
 * Block copies[i].source_block of the source pool overwrites block copies[i].target_block of the
 * target pool. Targets are distinct; ids are not checked. A few CTAs do the work, bound by the bus,
 * and leave the rest of the device to other kernels. The host's bytes are there once the stream has
 * passed the launch.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns OK, also when num_copies is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the struct says, before anything is queued;
 *         what pagoda_device_count returns when there is no device;
 *         CUDA_FAILURE when the launch was refused.
 */
PAGODA_API pagoda_status pagoda_swap_blocks(const pagoda_swap_blocks_params* params, void* stream,
                                            pagoda_error* error);

/** Consecutive words of an update, and where they go. */
typedef struct pagoda_word_run {
  int64_t target_word; /* index into the target */
  int32_t source_word; /* index into the staged words, counted from the start of the update */
  int32_t num_words;   /* at least 0 */
} pagoda_word_run;

/** An update of some words of a device array: block tables, lengths, slots and positions. */
typedef struct pagoda_update_words_params {
  uint64_t staged; /* pinned host, num_bytes: pagoda_word_run [num_runs], then the words */
  uint64_t delta;  /* device, num_bytes, 8-byte aligned: overwritten with the staged bytes */
  uint64_t target; /* device, uint32 [num_target_words] */
  int64_t num_target_words;
  int64_t num_bytes; /* of the update, a multiple of 4 */
  int64_t num_runs;  /* 0 to 2^31 - 1 */
} pagoda_update_words_params;

/**
 * Writes runs of 32-bit words into a device array: one copy, and one launch that spreads it.
 *
 * The array stays where it is and the rest of it stays as it is, so that kernels whose addresses
 * are fixed, in a graph for instance, see the new words. Runs must not overlap; what a run would
 * write outside the array is left out.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Ownership: borrows the staged bytes until the stream has passed this call.
 * Threads:   any thread; calls on different streams do not order each other.
 *
 * Returns OK, also when num_runs is 0 (nothing is queued);
 *         INVALID_ARGUMENT for a value outside what the struct says, before anything is queued;
 *         CUDA_FAILURE when CUDA refused; what pagoda_device_count returns without a device.
 */
PAGODA_API pagoda_status pagoda_update_words(const pagoda_update_words_params* params, void* stream,
                                             pagoda_error* error);

/** What a step's kernels are about to read. */
typedef struct pagoda_validate_step_params {
  uint64_t block_tables;             /* device, int32 [num_seqs, block_table_stride] */
  uint64_t context_lengths;          /* device, int32 [num_seqs] */
  uint64_t cumulative_query_lengths; /* device, int32 [num_seqs + 1] */
  uint64_t slot_mapping;             /* device, int64 [num_tokens] */
  uint64_t report;                   /* pinned host, int64 [4]: overwritten */
  int64_t block_table_stride;        /* entries from one sequence to the next, at least 1 */
  int32_t num_seqs;                  /* at least 0 */
  int32_t num_tokens;                /* at least 0 */
  int32_t num_blocks;                /* at least 1 */
  int32_t block_size;                /* tokens, at least 1 */
} pagoda_validate_step_params;

/**
 * Checks, on the device, what kernels take on trust: for debugging, since it waits.
 *
 * Cumulative query lengths start at 0, do not fall and end at or before num_tokens; a context holds
 * its sequence's queries and fits its table; block ids of contexts are in [0, num_blocks); the slot
 * of a token is -1 or the one that its table and position say. Changes nothing but the report.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream; not one that is captured
 *   error    host, may be NULL
 *
 * Threads:   any thread, with a report of its own.
 * Blocking:  waits for the stream.
 *
 * Returns OK when all is well, also when num_seqs is 0;
 *         INVALID_ARGUMENT for a value outside what the struct says, or naming the first bad value
 *         on the device, for instance block_tables[3][5]=-1;
 *         DEVICE_FAULT, CUDA_FAILURE; what pagoda_device_count returns without a device.
 */
PAGODA_API pagoda_status pagoda_validate_step(const pagoda_validate_step_params* params,
                                              void* stream, pagoda_error* error);

/** Results of attention over parts of a context, and where the result over all of it goes. */
typedef struct pagoda_merge_partials_params {
  uint64_t partial_outputs; /* device, [num_partials, num_rows, head_dim] */
  uint64_t partial_lse;     /* device, FP32 [num_partials, num_rows], natural log */
  uint64_t output;          /* device, [num_rows, head_dim] */
  uint64_t maybe_lse;       /* device, FP32 [num_rows]; or 0 */
  int32_t num_partials;     /* at least 1 */
  int32_t num_rows;         /* tokens times query heads, at least 0 */
  int32_t head_dim;         /* at least 1 */
  pagoda_dtype row_dtype;   /* of partial outputs and output */
} pagoda_merge_partials_params;

/**
 * Merges attention over disjoint parts of a context into attention over all of it.
 *
 *   lse    = log(sum over the parts of exp(partial_lse))
 *   output = sum over the parts of exp(partial_lse - lse) * partial_output
 *
 * A part whose LSE is minus infinity counts for nothing, whatever its output holds, NaN included;
 * where all are, the output is zeros. A sink belongs into one part alone.
 *
 *   params   host, read before the call returns
 *   stream   cudaStream_t, or NULL for the default stream
 *   error    host, may be NULL
 *
 * Threads:   any thread; calls on different streams do not order each other.
 * Numerics:  FP32, parts in their order: the output repeats to the bit.
 *
 * Returns OK, also when num_rows is 0 (nothing is launched);
 *         INVALID_ARGUMENT for a value outside what the struct says, before anything is queued;
 *         CUDA_FAILURE when the launch was refused; what pagoda_device_count returns without a
 *         device.
 */
PAGODA_API pagoda_status pagoda_merge_partials(const pagoda_merge_partials_params* params,
                                               void* stream, pagoda_error* error);

#ifdef __cplusplus
}
#endif

#endif
