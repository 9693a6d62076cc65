package dev.pagoda.internal.cuda;

import java.nio.file.Path;

/** What to tell a person whose native library did not load: the system's words, then the cure. */
final class LoadFailures {
  private LoadFailures() {}

  /** The dynamic linker refused the file. */
  static String linkerRefused(UnsatisfiedLinkError error, Path file) {
    String words = String.valueOf(error.getMessage());
    return "the native library cannot be loaded, " + words + hint(words) + ": file=" + file;
  }

  private static String hint(String words) {
    if (words.contains("failed to map segment") || words.contains("Operation not permitted")) {
      return "; if the folder is mounted noexec, name another with -D"
          + LibrarySearch.TMPDIR_PROPERTY;
    }
    if (words.contains("GLIBC_")) {
      return "; the library was built on a newer system, build it on this one";
    }
    if (words.contains("ld-linux") || words.contains("Error relocating")) {
      return "; CUDA needs a system with glibc, and musl is none";
    }
    return "";
  }

  /** The JVM was started with native access for other modules alone. */
  static String nativeAccessDenied(Module module) {
    return "this JVM denies native access; start it with --enable-native-access="
        + (module.isNamed() ? module.getName() : "ALL-UNNAMED");
  }
}
