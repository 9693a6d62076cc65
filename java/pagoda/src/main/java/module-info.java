import org.jspecify.annotations.NullMarked;

/**
 * Paged KV cache and attention: keys and values in fixed-size blocks off the heap, shared between
 * sequences, attended over on the CPU or a CUDA device.
 *
 * <p>Start at {@link dev.pagoda}. The Vector API is optional at run time: with {@code --add-modules
 * jdk.incubator.vector} its kernels are offered, without it everything runs on the readable scalar
 * ones.
 */
@NullMarked
module dev.pagoda {
  requires static jdk.incubator.vector;
  requires static jdk.jfr;
  requires static org.jspecify;

  exports dev.pagoda;
  exports dev.pagoda.block;
  exports dev.pagoda.cuda;
  exports dev.pagoda.decoding;
  exports dev.pagoda.layout;
  exports dev.pagoda.memory;
  exports dev.pagoda.prefix;
  exports dev.pagoda.pressure;
  exports dev.pagoda.tier;
  exports dev.pagoda.tier.file;
}
