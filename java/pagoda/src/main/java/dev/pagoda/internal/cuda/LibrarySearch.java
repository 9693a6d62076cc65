package dev.pagoda.internal.cuda;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Where to look for the native library, in order.
 *
 * @param fileName the library's file name on this platform
 * @param platform operating system and processor, as they are spelled in resource names
 * @param places looked at one after another; the first that holds a file decides
 */
record LibrarySearch(String fileName, String platform, List<LibraryPlace> places) {
  /** Names a library file to load instead of any other. */
  static final String PATH_PROPERTY = "dev.pagoda.library.path";

  /** Names a folder to unpack the bundled library in, for when the usual one is mounted noexec. */
  static final String TMPDIR_PROPERTY = "dev.pagoda.library.tmpdir";

  /** The one platform that libraries are built for. */
  static final String BUILT_PLATFORM = "linux-x86_64";

  LibrarySearch {
    places = List.copyOf(places);
  }

  /**
   * What this JVM was told: the named file alone if there is one, else the bundled resource, then
   * {@code java.library.path}.
   */
  static LibrarySearch fromSystemProperties() {
    String fileName = System.mapLibraryName("pagoda");
    String platform =
        platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
    String named = System.getProperty(PATH_PROPERTY, "");
    if (!named.isEmpty()) {
      return new LibrarySearch(
          fileName, platform, List.of(new LibraryPlace.NamedFile(Path.of(named))));
    }
    String temporaryFolder =
        System.getProperty(TMPDIR_PROPERTY, System.getProperty("java.io.tmpdir", ""));
    List<Path> folders =
        Arrays.stream(System.getProperty("java.library.path", "").split(File.pathSeparator, -1))
            .filter(folder -> !folder.isEmpty())
            .map(Path::of)
            .toList();
    return new LibrarySearch(
        fileName,
        platform,
        List.of(
            new LibraryPlace.BundledResource(
                "META-INF/native/" + platform + "/" + fileName, Path.of(temporaryFolder)),
            new LibraryPlace.Folders(folders)));
  }

  /** The spelling of resource names: {@code linux-x86_64}, whatever a JVM calls its processor. */
  static String platform(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "");
    String arch = osArch.toLowerCase(Locale.ROOT);
    return os + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }
}
