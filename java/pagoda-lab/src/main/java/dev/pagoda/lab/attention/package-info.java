/**
 * Attention on both sides of the comparison.
 *
 * <p>The plain side, which shares no code with the library's kernels: {@link
 * dev.pagoda.lab.attention.ReferenceAttention} in float64, {@link
 * dev.pagoda.lab.attention.VanillaAttention} in float32 over one piece of memory per sequence, and
 * {@link dev.pagoda.lab.attention.ContiguousKvStore}, which reserves such pieces. The paged side:
 * {@link dev.pagoda.lab.attention.PagedBatch} over the library's cache. {@link
 * dev.pagoda.lab.attention.AttentionLayer} runs the same projections over either.
 */
@NullMarked
package dev.pagoda.lab.attention;

import org.jspecify.annotations.NullMarked;
