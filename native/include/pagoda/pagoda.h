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
 * be captured in a CUDA graph. A fault while the work runs shows up in a later call, as CUDA
 * reports it.
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
  PAGODA_STATUS_INTERNAL_ERROR = 7    /* the library's mistake, or host memory ran out */
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
  pagoda_dtype value_dtype; /* the same as key_dtype */
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
 *         INVALID_ARGUMENT for a value outside what the structs say, before anything is queued;
 *         UNSUPPORTED for keys and values of different dtypes;
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
  uint64_t queries;            /* device, [num_seqs, num_query_heads, key_head_dim] */
  uint64_t output;             /* device, [num_seqs, num_query_heads, value_head_dim] */
  uint64_t maybe_lse;          /* device, FP32 [num_seqs, num_query_heads], natural log; or 0 */
  uint64_t block_tables;       /* device, int32 [num_seqs, block_table_stride] */
  uint64_t context_lengths;    /* device, int32 [num_seqs] */
  uint64_t maybe_alibi_slopes; /* device, FP32 [num_query_heads]; or 0 */
  uint64_t maybe_sinks;        /* device, FP32 [num_query_heads]; or 0 */
  uint64_t workspace;          /* device, 256-byte aligned; zeroed once, before its first use */
  int64_t workspace_bytes;     /* at least what pagoda_paged_decode_workspace says */
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
 *         INVALID_ARGUMENT for a value outside what the structs say, before anything is queued;
 *         UNSUPPORTED for keys and values of different dtypes;
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
 *         INVALID_ARGUMENT for a value outside what the structs say, before anything is queued;
 *         UNSUPPORTED for keys and values of different dtypes;
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

#ifdef __cplusplus
}
#endif

#endif
