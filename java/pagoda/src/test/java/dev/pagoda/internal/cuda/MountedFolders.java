package dev.pagoda.internal.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** What is mounted on this machine. */
final class MountedFolders {
  private MountedFolders() {}

  /** A folder that can be written but whose files cannot be executed. */
  static Optional<Path> writableNoexec() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/mounts"))) {
      return lines
          .map(line -> line.split(" ", -1))
          .filter(fields -> fields[2].equals("tmpfs") && fields[3].contains("noexec"))
          .map(fields -> Path.of(fields[1]))
          .filter(folder -> Files.isDirectory(folder) && Files.isWritable(folder))
          .findFirst();
    }
  }
}
