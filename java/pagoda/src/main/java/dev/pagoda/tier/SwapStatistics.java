package dev.pagoda.tier;

import dev.pagoda.block.BlockStatistics;

/**
 * A swap space's numbers at one moment. Counters run from the moment it was opened.
 *
 * @param slots who owns what in host memory
 * @param blockBytes size of a block
 * @param numGroups groups that are swapped out
 * @param out moves from the cache to the host
 * @param in moves from the host to the cache
 */
public record SwapStatistics(
    BlockStatistics slots, long blockBytes, int numGroups, TransferTotals out, TransferTotals in) {}
