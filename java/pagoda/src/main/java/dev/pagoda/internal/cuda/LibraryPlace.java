package dev.pagoda.internal.cuda;

import java.nio.file.Path;
import java.util.List;

/** One place where the native library may be. */
sealed interface LibraryPlace {

  /** A file that somebody named: the library is there, or that is the error. */
  record NamedFile(Path file) implements LibraryPlace {}

  /**
   * A resource of the class path or module path, unpacked before it is loaded.
   *
   * @param name path of the resource, without a leading slash
   * @param temporaryFolder where a private folder for the unpacked file is made
   */
  record BundledResource(String name, Path temporaryFolder) implements LibraryPlace {}

  /** Folders that are looked through in order for a file of the library's name. */
  record Folders(List<Path> folders) implements LibraryPlace {
    public Folders {
      folders = List.copyOf(folders);
    }
  }
}
