package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;

/**
 * Every call that this package makes to a file system, and the only way it makes one: what a test
 * has to come between.
 */
interface FileCalls {
  /** An open file. */
  interface OpenFile extends AutoCloseable {
    /** Bytes in the file. */
    long size() throws IOException;

    /** Reads until the buffer is full or the file ends; returns how many bytes. */
    int read(ByteBuffer target, long position) throws IOException;

    /** Writes all that remains in the buffer. */
    void write(ByteBuffer source, long position) throws IOException;

    /** Returns when what was written is on the device. */
    void force() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** A file of a folder. */
  record Entry(String name, long bytes, long modifiedMillis) {}

  /** The sole right to a folder, until closed. */
  interface FolderLock extends AutoCloseable {
    @Override
    void close() throws IOException;
  }

  /**
   * Opens a file to read it.
   *
   * @throws NoRegularFileException if it is a folder, a symbolic link or a pipe
   */
  OpenFile open(Path path) throws IOException;

  /** Creates a file that only its owner may read and write; one that exists is refused. */
  OpenFile create(Path path) throws IOException;

  /** Gives a file another file's name, in one step; what had the name is gone. */
  void replace(Path source, Path target) throws IOException;

  /** Returns when the names in a folder are on the device. */
  void forceFolder(Path folder) throws IOException;

  /** Removes a file, if it is there. */
  void delete(Path path) throws IOException;

  /** The regular files of a folder. */
  default List<Entry> list(Path folder) throws IOException {
    return list(folder, name -> true);
  }

  /** The regular files of a folder whose names pass a test. */
  List<Entry> list(Path folder, Predicate<String> names) throws IOException;

  /**
   * Creates a private folder or takes one over, for this process alone.
   *
   * @throws IOException also if the folder is another user's, open to others, a symbolic link, in
   *     use, or holds files but was never such a folder
   */
  FolderLock lockFolder(Path folder) throws IOException;
}
