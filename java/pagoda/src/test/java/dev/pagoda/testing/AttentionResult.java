package dev.pagoda.testing;

/**
 * What an attention call computed.
 *
 * @param output {@code [numTokens, numQueryHeads * valueHeadDim]}
 * @param lse {@code [numTokens, numQueryHeads]}, empty if it was not asked for
 */
public record AttentionResult(float[] output, float[] lse) {}
