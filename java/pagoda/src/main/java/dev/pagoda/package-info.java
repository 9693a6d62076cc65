/**
 * The facade: open a cache, run steps over sequences.
 *
 * <p>{@link dev.pagoda.PagedKvCache} owns a pool of blocks, {@link dev.pagoda.KvSequence} is one
 * stream of tokens in it, {@link dev.pagoda.Step} appends tokens to any number of sequences, takes
 * their keys and values and attends over them. {@link dev.pagoda.Backend} says what computes.
 */
package dev.pagoda;
