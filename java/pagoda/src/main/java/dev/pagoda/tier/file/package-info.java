/**
 * Files: saved sequences, swapped groups on disk, and the disk tier of the prefix cache.
 *
 * <p>{@link dev.pagoda.tier.file.SequenceStore} saves and restores conversations. There is one
 * format for all files. Numbers are little-endian; nothing in a file names a class, a path or an
 * address.
 *
 * <pre>
 *   offset  bytes  header
 *        0      8  "PAGODAKV"
 *        8      4  version, 1
 *       12      4  flags, none known: 0
 *       16      4  kind: 1 sequences, 2 a block of a prefix
 *       20      4  order of key tiles: 1 [blockSize, keyHeadDim], 2 [keyHeadDim, blockSize]
 *       24      8  length of the file
 *       32      8  blockBytes, a multiple of 64
 *       40      4  numBlocks
 *       44      4  numSequences, at least 1
 *       48      4  numTableEntries, over all sequences
 *       52      4  numTokenIds, over all sequences
 *       56     32  digest of layers, element types and block size
 *       88     32  model fingerprint, the application's
 *      120     32  key of a block of a prefix, else 0
 *      152      4  CRC32C of the index, padding included
 *      156      4  CRC32C of the payload
 *      160     92  reserved, 0
 *      252      4  CRC32C of bytes 0 to 251
 *
 *      256         index
 *               8  per sequence: length in tokens, number of token ids (0 or the length)
 *               4  per table entry: number of the block, [0, numBlocks)
 *               4  per token id
 *                  zeroes up to a multiple of 64 bytes
 *
 *                  payload
 *      blockBytes  per block, as dev.pagoda.layout.KvLayout draws it; slots that no sequence of
 *                  the file has are 0
 * </pre>
 *
 * <p>The digest of the shape is the SHA-256 of the text {@code pagoda shape, elements
 * little-endian, tiles of 64 bytes}, block size, number of layers, and per layer KV heads, key head
 * dim, value head dim, key type, value type; a text is its length and UTF-8, numbers are 4 bytes
 * big-endian. A file of one block holds it as a sequence of one full block with its token ids. All
 * versions keep magic, version and the header's checksum where they are; any other change of
 * meaning raises the version, and a reader refuses versions that it does not know.
 *
 * <p>A reader compares the header's checksum before it uses a number, requires that the numbers add
 * up to the file's true length before it allocates, and compares the other two checksums before
 * anybody sees what was read.
 *
 * <p>An interrupt is no reason to stop half-way: a thread that is interrupted before or while it
 * saves, restores, swaps or keeps a block on disk does so all the same, and is interrupted still.
 */
package dev.pagoda.tier.file;
