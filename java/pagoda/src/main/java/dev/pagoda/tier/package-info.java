/**
 * What to do with sequences when blocks run short: swap them to host memory or drop them and
 * compute them again, and what each would cost.
 *
 * <p>{@link dev.pagoda.tier.SwapSpace} moves groups of sequences out and in bit for bit, {@link
 * dev.pagoda.tier.DroppedGroup} gives their blocks up and knows which tokens to feed again, and
 * {@link dev.pagoda.tier.PreemptionModel}, calibrated from measurements, says which is cheaper.
 */
package dev.pagoda.tier;
