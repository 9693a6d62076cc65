/**
 * Reads and writes safetensors files, the format in which the lab exchanges tensors with any other
 * system.
 *
 * <p>A file is three parts, one after the other, with nothing before, between or behind them:
 *
 * <ol>
 *   <li>8 bytes: the length of the header in bytes, an unsigned little-endian integer, at most
 *       100,000,000.
 *   <li>The header: one JSON object in UTF-8. Its first byte is <code>{</code>; behind the object
 *       there may be spaces (0x20), nothing else.
 *   <li>The data: the elements of all tensors, row-major, little-endian, without padding.
 * </ol>
 *
 * <p>Every key of the header is the name of a tensor and maps to an object of exactly three fields:
 *
 * <ul>
 *   <li>{@code dtype}: a string, one of those of {@link dev.pagoda.lab.safetensors.ElementType}.
 *   <li>{@code shape}: a list of non-negative integers, outermost dimension first. The empty list
 *       is a single element; a dimension of 0 is a tensor without elements.
 *   <li>{@code data_offsets}: the list {@code [begin, end]}, in bytes from the start of the data.
 *       {@code end - begin} is the product of the shape times the size of an element.
 * </ul>
 *
 * <p>The key {@code __metadata__} is not a tensor: it maps strings to strings. It may be missing.
 *
 * <p>The tensors cover the data completely: sorted by offset, the first begins at 0, each begins
 * where the one before ends, and the last ends with the file. Names are unique.
 *
 * <pre>{@code
 * 60 00 00 00 00 00 00 00                                          header of 96 bytes
 * {"__metadata__":{"scale":"0.125"},"query_lens":{"dtype":"I32",   ...
 *   "shape":[2],"data_offsets":[0,8]}}
 * 03 00 00 00 01 00 00 00                                          query_lens: 3, 1
 * }</pre>
 *
 * <p>(The header is broken here for reading; line breaks inside the object are allowed.)
 *
 * <p>{@link dev.pagoda.lab.safetensors.SafetensorsFile} holds files to all of this. What it finds
 * wrong is a {@link dev.pagoda.lab.safetensors.SafetensorsException}, one sentence that names the
 * tensor, the field and the value. It maps the file and hands out slices of the mapping, so that
 * opening a file costs its header and not its data, and it allocates nothing by a length that it
 * has not first held against the size of the file.
 *
 * <p>{@link dev.pagoda.lab.safetensors.SafetensorsWriter} writes aside and renames: a reader sees
 * the old file or the whole new one. It puts wide elements first and starts the data at a multiple
 * of 64 bytes, so that every tensor of its files is aligned to its element. In files of others it
 * need not be: elements are to be read with unaligned layouts.
 */
@NullMarked
package dev.pagoda.lab.safetensors;

import org.jspecify.annotations.NullMarked;
