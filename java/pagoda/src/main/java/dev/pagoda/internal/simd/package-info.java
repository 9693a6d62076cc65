/**
 * The kernels on the Vector API: what {@code internal.scalar} computes, to the bit, at the speed of
 * the memory. The only package that imports {@code jdk.incubator.vector}, an optional module: touch
 * its classes only after {@link dev.pagoda.internal.kernel.VectorModule} has said yes.
 *
 * <p>Start at {@link dev.pagoda.internal.simd.VectorKernels}. A call is cut into <b>row tiles</b>,
 * query rows of a few KV heads that walk the context together. Each walks its sequence's
 * <b>tiles</b> of 64 positions, and in each tile its heads; where they meet, scores, weights and
 * values are computed, by small loops over vectors called kernels.
 *
 * <pre>
 *   VectorKernels    one call: row tiles, their walk through the context
 *   RowTile          the rows: what they see, queries in, softmax states, results out
 *   ContextTile      64 positions of a head: where keys and values lie, gathered or packed if need
 *                    be
 *   TileAttention    rows meet tile: which kernel for which rows
 *   ...Kernel        loops over vectors and nothing else
 * </pre>
 *
 * <p>There are two ways through a tile. Few rows (decode) read the pool in place and are bound by
 * the memory: {@link dev.pagoda.internal.simd.ScoreKernel}, {@link
 * dev.pagoda.internal.simd.ValueKernel}, and one pair each for BF16 and FP16, of which that for
 * FP16 widens finite numbers alone and leaves others to panels; where all that a step reads is
 * small enough for near caches, single rows of several heads go side by side ({@link
 * dev.pagoda.internal.simd.CachedScoreKernel}). Many rows (prefill) are bound by arithmetic and
 * read FP32 panels that the tile was packed into: {@link
 * dev.pagoda.internal.simd.PanelScoreKernel}, {@link dev.pagoda.internal.simd.PanelValueKernel}.
 *
 * <p>What kernels keep to, each rule learnt from a measurement (NOTES.md has the numbers):
 *
 * <ul>
 *   <li>Four blocks stream in at once: one 8 KiB tile after the other comes at half the speed. For
 *       the same reason values are touched while keys are read, see {@link
 *       dev.pagoda.internal.simd.ScoreKernel}, and all heads of a tile come before the next tile,
 *       as they are neighbours in a block.
 *   <li>Sixteen sums in registers, four rows by four vectors, wherever there are four rows (eight
 *       for FP16 on 16 registers); 24, six rows, over panels, where the multiply-adds are what a
 *       kernel waits for.
 *   <li>At most about 90 vector calls per method, loops rolled: beyond that HotSpot's first
 *       compiler gives up and the second never gets its turn.
 *   <li>No method of ours takes or returns a vector. HotSpot stops inlining methods that are not
 *       its own in long methods, and kernels are themselves inlined into their callers if they are
 *       short; a vector that crosses a call is an object on the heap.
 *   <li>In panels an offset is a {@code long} base and an {@code int} that a loop counts, times a
 *       constant: only then are bounds checked once, before the loop. So it is for the keys of
 *       blocks of 16, which have score kernels of their own.
 *   <li>Rows live in a {@code float[]}, only pool and panels are segments: to the compilers an
 *       array access is a fraction of a segment access. And only native segments: one on the heap
 *       spoils the compiled code for all.
 *   <li>No branch that is rarely taken may use a vector from outside it: it would be boxed every
 *       time.
 * </ul>
 */
package dev.pagoda.internal.simd;
