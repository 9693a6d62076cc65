/**
 * The door for callers who have CUDA memory, streams and contexts of their own.
 *
 * <p>A device address is a number here, a {@link dev.pagoda.cuda.DevicePointer}, and never a memory
 * segment that Java could read. What the native library refuses arrives as a {@link
 * dev.pagoda.cuda.NativeCallException} with the library's own words.
 */
package dev.pagoda.cuda;
