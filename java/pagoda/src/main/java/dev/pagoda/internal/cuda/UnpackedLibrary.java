package dev.pagoda.internal.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A library file in a fresh folder that only this user can enter.
 *
 * <p>Whoever unpacks it closes it as soon as the library is loaded: the dynamic linker keeps the
 * bytes, so nothing has to stay on disk, and two processes or class loaders never meet in one file.
 * Closing twice does nothing more.
 */
record UnpackedLibrary(Path file) implements AutoCloseable {

  /**
   * Unpacks a library.
   *
   * @throws IOException if it cannot be written; nothing is left behind then
   */
  static UnpackedLibrary of(InputStream bytes, String fileName, Path temporaryFolder)
      throws IOException {
    // Created with permissions 0700 where there are any.
    Path folder = Files.createTempDirectory(temporaryFolder, "pagoda-");
    UnpackedLibrary unpacked = new UnpackedLibrary(folder.resolve(fileName));
    try {
      Files.copy(bytes, unpacked.file);
      return unpacked;
    } catch (IOException e) {
      unpacked.close();
      throw e;
    }
  }

  /** Deletes file and folder; what resists is left to the end of the JVM. */
  @Override
  public void close() {
    Path folder = file.resolveSibling("");
    for (Path path : new Path[] {file, folder}) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        path.toFile().deleteOnExit();
      }
    }
  }
}
