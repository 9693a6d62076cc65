/*
 * The C ABI of Pagoda's CUDA library, and the only header that jextract reads.
 *
 * Every function that can fail returns a pagoda_status and takes a pagoda_error* as its last
 * parameter, which may be NULL and which that very call fills when it does not succeed. No function
 * prints, exits, reads an environment variable or lets a C++ exception out: what goes wrong inside
 * comes back as INTERNAL_ERROR, from any of them. Structs hold sized integers, arrays of char and
 * no padding, so that a caller in any language can lay them out from this text.
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
#define PAGODA_ABI_VERSION 1

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

#ifdef __cplusplus
}
#endif

#endif
