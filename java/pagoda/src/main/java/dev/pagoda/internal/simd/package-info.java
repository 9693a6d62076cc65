/**
 * The kernels on the Vector API: what {@code internal.scalar} computes, to the bit, at the speed of
 * the memory. The only package that imports {@code jdk.incubator.vector}, an optional module: touch
 * its classes only after {@link dev.pagoda.internal.kernel.VectorModule} has said yes.
 *
 * <p>Start at {@link dev.pagoda.internal.simd.VectorKernels}. A call is cut into <b>row tiles</b>
 * (query rows of one KV head); each walks the sequence's <b>tiles</b> of 64 positions and does
 * three things per tile, each a small kernel: scores, weights, values.
 *
 * <pre>
 *   VectorKernels     one call: heads, row tiles
 *   RowTile           its rows: positions, visible ranges, queries in, results out
 *   ContextTile       64 positions: where their keys and values lie, packed if they must be
 *   ...Kernel         loops over vectors and nothing else
 * </pre>
 *
 * <p>Rules for kernels, each learnt from a measurement: at most about 90 vector calls per method,
 * no calls of our own inside (HotSpot gives up inlining, and boxes every vector), loops rolled,
 * native segments only (one heap segment spoils the compiled code for all), an offset is a {@code
 * long} base plus an {@code int} that a loop counts.
 */
package dev.pagoda.internal.simd;
