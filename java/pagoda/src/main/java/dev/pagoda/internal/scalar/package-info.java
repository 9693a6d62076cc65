/**
 * The readable implementation of the kernels, and the definition of right: what any other CPU
 * backend computes is this to the bit.
 *
 * <p>Start at {@link dev.pagoda.internal.scalar.RowAttention}, which is the algorithm.
 */
package dev.pagoda.internal.scalar;
