/**
 * Shapes, element types and offsets: numbers only.
 *
 * <p>Nothing here owns memory, starts a thread or knows who holds a block. {@link
 * dev.pagoda.layout.KvShape} says what a cache holds, {@link dev.pagoda.layout.KvLayout} where each
 * element of it lies, and {@link dev.pagoda.layout.AttentionSpec} what is computed over it.
 */
package dev.pagoda.layout;
