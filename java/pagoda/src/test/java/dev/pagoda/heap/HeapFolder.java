package dev.pagoda.heap;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A folder of the machine in which nothing is left behind: no part of a file, no file open. */
record HeapFolder(Path path) {
  private static final FileAttribute<?> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final int COLLECTIONS = 20;
  private static final Path OPEN = Path.of("/proc/self/fd");

  /** Is empty, the library's to create, looked through when the story has ended, and removed. */
  static HeapFolder create(HeapTrial t) {
    try {
      Path outer = Files.createTempDirectory("pagoda-heap");
      HeapFolder folder = new HeapFolder(Files.createDirectory(outer.resolve("files"), PRIVATE));
      t.atEnd(() -> folder.end(outer));
      return folder;
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }

  private static List<Path> list(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(found::add);
    }
    return found;
  }

  private List<Path> files(String suffix) {
    try {
      return list(path).stream().filter(file -> file.toString().endsWith(suffix)).toList();
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }

  void requireFiles(int count, String suffix) {
    assertThat(files(suffix)).as("files that end in %s", suffix).hasSize(count);
    assertThat(files(".part")).as("parts that stay").isEmpty();
  }

  /** Changes one byte of a block. */
  void damage(String name) {
    try {
      byte[] bytes = Files.readAllBytes(path.resolve(name));
      bytes[bytes.length - 1] ^= 1;
      Files.write(path.resolve(name), bytes);
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }

  private boolean isAnyOpen() throws IOException {
    for (Path descriptor : Files.isDirectory(OPEN) ? list(OPEN) : List.<Path>of()) {
      if (Files.exists(descriptor) && Files.readSymbolicLink(descriptor).startsWith(path)) {
        return true;
      }
    }
    return false;
  }

  private void end(Path outer) {
    try {
      assertThat(files(".part")).as("parts that stay").isEmpty();
      for (int i = 0; i < COLLECTIONS && isAnyOpen(); i++) {
        System.gc(); // a channel that could not be closed for want of memory goes with its object
        LockSupport.parkNanos(10_000_000);
      }
      assertThat(isAnyOpen()).as("a file or folder stays open").isFalse();
      for (Path file : list(path)) {
        Files.delete(file);
      }
      Files.delete(path);
      Files.delete(outer);
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }
}
