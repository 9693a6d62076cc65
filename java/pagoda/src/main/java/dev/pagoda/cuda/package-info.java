/**
 * The door for callers who have CUDA memory, streams and contexts of their own.
 *
 * <p>{@link dev.pagoda.cuda.CudaPlace} says where a cache is to live, {@link
 * dev.pagoda.cuda.DeviceRows} hands it memory of the device, {@link dev.pagoda.cuda.CudaCache} and
 * {@link dev.pagoda.cuda.CudaStep} are what a cache and a step have there beyond any other.
 *
 * <p>A device address is a number here, a {@link dev.pagoda.cuda.DevicePointer}, and never a memory
 * segment that Java could read. What the native library refuses arrives as a {@link
 * dev.pagoda.cuda.NativeCallException} with the library's own words.
 */
package dev.pagoda.cuda;
