/**
 * Where the bytes live: the storage behind a pool of blocks, and the rows that callers hand in.
 *
 * <p>Storage knows blocks by their number alone. Who owns a block is the business of {@code
 * dev.pagoda.block}; what is computed over it, of the kernels.
 */
package dev.pagoda.memory;
