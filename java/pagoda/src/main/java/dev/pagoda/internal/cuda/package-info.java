/**
 * The CUDA side: finding and loading the native library, and calling it.
 *
 * <p>Everything starts at {@link dev.pagoda.internal.cuda.CudaDevices}, which never throws:
 * whatever is missing becomes a sentence. The generated bindings in {@code abi} are imported here
 * and nowhere else.
 */
package dev.pagoda.internal.cuda;
