package dev.pagoda.cuda;

/**
 * What a cache on the CUDA backend has beyond any other: {@code cache.unwrap(CudaCache.class)}.
 *
 * <p>Threads: any.
 */
public interface CudaCache {
  /**
   * The device.
   *
   * @return its index in this process
   */
  int deviceIndex();

  /**
   * The context all work runs in.
   *
   * @return a {@code CUcontext}, the caller's own if one was given
   */
  long context();

  /**
   * The stream all work is queued on.
   *
   * @return a {@code CUstream}, the caller's own if one was given
   */
  long stream();

  /**
   * Waits until everything queued so far has passed.
   *
   * @throws IllegalStateException if the cache has failed, or fails now because work that ran broke
   *     the context
   */
  void synchronize();

  /**
   * Allocates device memory, for callers who have no CUDA library of their own at hand.
   *
   * @param byteSize bytes, at least 1
   * @return the memory, the caller's to close before the cache
   * @throws IllegalArgumentException if the device has not so much left
   */
  DeviceBuffer allocate(long byteSize);

  /**
   * Merges attention over disjoint parts of a context, each with its LSE, into attention over all
   * of it: for contexts that are spread over caches or devices. A part whose LSE is minus infinity
   * counts for nothing. Queued on the stream.
   *
   * @param partials what to merge, and where to
   * @throws IllegalArgumentException if the library refuses a value
   */
  void mergePartials(Partials partials);

  /**
   * Results of attention over parts of a context, and where the result over all of it goes.
   *
   * @param outputs {@code [numPartials, numRows, headDim]}, packed
   * @param lse FP32 {@code [numPartials, numRows]}, natural log
   * @param output {@code [numRows, headDim]}, packed, of the outputs' dtype, overwritten
   * @param mergedLse FP32 {@code [numRows]}, overwritten; an empty range if not wanted
   * @param numPartials parts, at least 1
   * @param numRows tokens times query heads
   * @param headDim elements per head
   */
  record Partials(
      DeviceRows outputs,
      DevicePointer lse,
      DeviceRows output,
      DevicePointer mergedLse,
      int numPartials,
      int numRows,
      int headDim) {
    /**
     * Checks that the memory is large enough.
     *
     * @throws IllegalArgumentException if a range is too short, a number negative or the dtypes
     *     differ
     */
    public Partials {
      if (numPartials < 1 || numRows < 0 || headDim < 1) {
        throw new IllegalArgumentException(
            "there is a part, and a dim: numPartials="
                + numPartials
                + ", numRows="
                + numRows
                + ", headDim="
                + headDim);
      }
      int allRows = Math.multiplyExact(numPartials, numRows);
      outputs.requireRows("outputs", allRows, headDim);
      output.requireRows("output", numRows, headDim);
      if (outputs.dtype() != output.dtype()
          || outputs.strideBytes(headDim) != (long) headDim * outputs.dtype().byteSize()
          || output.strideBytes(headDim) != (long) headDim * output.dtype().byteSize()) {
        throw new IllegalArgumentException(
            "rows of one dtype, packed: outputs=" + outputs + ", output=" + output);
      }
      requireFloats("lse", lse, allRows);
      if (mergedLse.byteSize() > 0) {
        requireFloats("mergedLse", mergedLse, numRows);
      }
    }

    private static void requireFloats(String name, DevicePointer range, int count) {
      if (range.byteSize() < (long) count * Float.BYTES) {
        throw new IllegalArgumentException(
            name + " is too short: count=" + count + ", " + name + "=" + range);
      }
    }
  }
}
