/**
 * Who owns which block: ids and counts only.
 *
 * <p>No bytes, no kernels, no memory. A {@link dev.pagoda.block.BlockPool} counts owners, a {@link
 * dev.pagoda.block.BlockTable} is one sequence's list of blocks. Both work without any storage
 * behind them, which is how simulators use them.
 */
package dev.pagoda.block;
