package dev.pagoda.tier.file;

import dev.pagoda.layout.KvShape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which sequences a file holds: lengths, block tables in numbers of the file's own, and token ids
 * where they were given.
 */
final class GroupIndex {
  private final int[] lengths;
  private final int[][] tables;
  private final int[][] tokenIds;
  private final int[] validTokens;

  private GroupIndex(int[] lengths, int[][] tables, int[][] tokenIds, int[] validTokens) {
    this.lengths = lengths;
    this.tables = tables;
    this.tokenIds = tokenIds;
    this.validTokens = validTokens;
  }

  /**
   * An index of sequences in a cache.
   *
   * @param blockIds {@code [numSequences, numBlocks]} where the cache has them; numbered here in
   *     the order in which they first occur
   * @param tokenIds {@code [numSequences]}, each empty or as long as the sequence
   */
  static GroupIndex of(int blockSize, int[] lengths, int[][] blockIds, int[][] tokenIds) {
    Map<Integer, Integer> numberOf = new HashMap<>();
    int[][] tables = new int[blockIds.length][];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = blockIds[i].clone();
      for (int j = 0; j < tables[i].length; j++) {
        int next = numberOf.size();
        tables[i][j] = numberOf.computeIfAbsent(tables[i][j], id -> next);
      }
    }
    int[] validTokens = validTokens(blockSize, lengths, tables, numberOf.size());
    return new GroupIndex(lengths, tables, tokenIds, validTokens);
  }

  /** An index of one full block. */
  static GroupIndex ofBlock(int[] tokenIds) {
    return new GroupIndex(
        new int[] {tokenIds.length},
        new int[][] {{0}},
        new int[][] {tokenIds},
        new int[] {tokenIds.length});
  }

  /** How many slots of each block some sequence has; what lies in the others is nobody's. */
  private static int[] validTokens(int blockSize, int[] lengths, int[][] tables, int numBlocks) {
    int[] valid = new int[numBlocks];
    for (int i = 0; i < tables.length; i++) {
      for (int j = 0; j < tables[i].length; j++) {
        int number = tables[i][j];
        valid[number] = Math.max(valid[number], Math.min(blockSize, lengths[i] - j * blockSize));
      }
    }
    return valid;
  }

  int[] lengths() {
    return lengths;
  }

  int[][] tables() {
    return tables;
  }

  int[] tokenIds(int sequenceIndex) {
    return tokenIds[sequenceIndex];
  }

  int numBlocks() {
    return validTokens.length;
  }

  int validTokens(int blockNumber) {
    return validTokens[blockNumber];
  }

  private static long sum(int[][] arrays) {
    long sum = 0;
    for (int[] array : arrays) {
      sum += array.length;
    }
    return sum;
  }

  /** A header for this index, checksums aside. */
  FileHeader header(FileOwner owner, FileHeader.Kind kind, Digest key) {
    return new FileHeader(
        kind,
        owner.layout().keyOrder(),
        owner.layout().blockBytes(),
        numBlocks(),
        lengths.length,
        Math.toIntExact(sum(tables)),
        Math.toIntExact(sum(tokenIds)),
        owner.shape(),
        owner.model().digest(),
        key,
        0,
        0);
  }

  ByteBuffer encode(FileHeader header) {
    if (header.indexBytes() > FileHeader.INDEX_BYTES_MAX) {
      throw new IllegalArgumentException(
          "the index of so many tokens does not fit in a file: indexBytes=" + header.indexBytes());
    }
    ByteBuffer bytes =
        ByteBuffer.allocate((int) header.indexBytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < lengths.length; i++) {
      bytes.putInt(lengths[i]).putInt(tokenIds[i].length);
    }
    put(bytes, tables);
    put(bytes, tokenIds);
    return bytes.clear();
  }

  private static void put(ByteBuffer target, int[][] arrays) {
    for (int[] array : arrays) {
      target.asIntBuffer().put(array);
      target.position(target.position() + Integer.BYTES * array.length);
    }
  }

  /**
   * Reads an index whose checksum was right. It is checked all the same: a checksum proves that
   * nothing was hit by accident, not that whoever wrote it was in his senses.
   *
   * @throws RefusedFileException if it does not fit the header, or itself
   */
  static GroupIndex decode(Path path, FileHeader header, KvShape shape, ByteBuffer bytes) {
    ByteBuffer b = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    int[] lengths = new int[header.numSequences()];
    int[] numTokenIds = new int[lengths.length];
    long numEntries = 0;
    long numIds = 0;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = b.getInt();
      numTokenIds[i] = b.getInt();
      if (lengths[i] < 0 || (numTokenIds[i] != 0 && numTokenIds[i] != lengths[i])) {
        throw contradiction(path, "length=" + lengths[i] + ", numTokenIds=" + numTokenIds[i]);
      }
      numEntries += shape.blocksFor(lengths[i]);
      numIds += numTokenIds[i];
    }
    if (numEntries != header.numTableEntries() || numIds != header.numTokenIds()) {
      throw contradiction(path, "numTableEntries=" + numEntries + ", numTokenIds=" + numIds);
    }
    List<int[]> tables = new ArrayList<>();
    for (int length : lengths) {
      tables.add(ints(b, shape.blocksFor(length)));
    }
    List<int[]> tokenIds = new ArrayList<>();
    for (int count : numTokenIds) {
      tokenIds.add(ints(b, count));
    }
    while (b.hasRemaining()) {
      if (b.get() != 0) {
        throw contradiction(path, "padding=" + b.get(b.position() - 1));
      }
    }
    int[][] tableArray = tables.toArray(int[][]::new);
    requireTables(path, header.numBlocks(), tableArray);
    return new GroupIndex(
        lengths,
        tableArray,
        tokenIds.toArray(int[][]::new),
        validTokens(shape.blockSize(), lengths, tableArray, header.numBlocks()));
  }

  private static int[] ints(ByteBuffer source, int count) {
    int[] ints = new int[count];
    source.asIntBuffer().get(ints);
    source.position(source.position() + Integer.BYTES * count);
    return ints;
  }

  /** Every block is somebody's, and at the same index in all tables. */
  private static void requireTables(Path path, int numBlocks, int[][] tables) {
    int[] indexOf = new int[numBlocks]; // plus 1, or 0 while nobody has it
    int numSeen = 0;
    for (int[] table : tables) {
      for (int j = 0; j < table.length; j++) {
        int number = table[j];
        if (number < 0 || number >= numBlocks) {
          throw contradiction(path, "blockNumber=" + number);
        }
        if (indexOf[number] == 0) {
          indexOf[number] = j + 1;
          numSeen++;
        } else if (indexOf[number] != j + 1) {
          throw contradiction(path, "blockNumber=" + number + ", blockIndex=" + j);
        }
      }
    }
    if (numSeen != numBlocks) {
      throw contradiction(path, "numBlocks=" + numBlocks + ", numOwned=" + numSeen);
    }
  }

  private static RefusedFileException contradiction(Path path, String values) {
    return FileHeader.damaged(path, "the index contradicts itself: " + values);
  }
}
