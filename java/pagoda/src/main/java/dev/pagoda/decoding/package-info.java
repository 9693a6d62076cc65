/**
 * Decoding that forks: several continuations of one prompt, whose blocks they share.
 *
 * <p>{@link dev.pagoda.decoding.ParallelSampling} grows independent samples, {@link
 * dev.pagoda.decoding.BeamSearch} searches for the likeliest continuations, and both rest on {@link
 * dev.pagoda.decoding.ForkGroup}, which any other search can use as well. None of them computes:
 * the application runs the steps.
 */
package dev.pagoda.decoding;
