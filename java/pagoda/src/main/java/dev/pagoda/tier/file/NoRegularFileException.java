package dev.pagoda.tier.file;

import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** A folder, a link or a pipe has the name of a file. */
final class NoRegularFileException extends FileSystemException {
  private static final long serialVersionUID = 1L;

  NoRegularFileException(Path path) {
    super(path.toString(), null, "not a regular file");
  }
}
