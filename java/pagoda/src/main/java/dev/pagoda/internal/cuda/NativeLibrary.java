package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.LibraryState.Absent;
import dev.pagoda.internal.cuda.LibraryState.Loaded;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Finds the native library and loads it, once, when somebody first asks for it.
 *
 * <p>Every failure is a sentence in {@link LibraryState.Absent}, never an exception or a linkage
 * error that would come back, without its cause, at every later use of the bindings. A process that
 * never asks for CUDA never loads anything, and sees no warning about native access.
 */
final class NativeLibrary {
  private static final String VERSION_FUNCTION = "pagoda_abi_version";

  private NativeLibrary() {}

  /** The state of this process's library; the first call loads it. */
  static LibraryState state() {
    return Holder.STATE;
  }

  private static final class Holder {
    static final LibraryState STATE = loadAsConfigured();
  }

  private static LibraryState loadAsConfigured() {
    try {
      return load(LibrarySearch.fromSystemProperties());
    } catch (IllegalArgumentException e) {
      return new Absent("a property does not hold a path: " + e.getMessage());
    }
  }

  /** Loads from the first place that holds a file, for good or ill. */
  static LibraryState load(LibrarySearch search) {
    List<String> lookedFor = new ArrayList<>();
    for (LibraryPlace place : search.places()) {
      Optional<LibraryState> found =
          switch (place) {
            case LibraryPlace.NamedFile named -> Optional.of(loadNamed(named.file()));
            case LibraryPlace.BundledResource bundled -> {
              lookedFor.add("the resource " + bundled.name());
              yield loadBundled(bundled, search.fileName());
            }
            case LibraryPlace.Folders folders -> {
              lookedFor.add(search.fileName() + " in java.library.path");
              yield loadFromFolders(folders.folders(), search.fileName());
            }
          };
      if (found.isPresent()) {
        return found.get();
      }
    }
    return new Absent(notFound(search, lookedFor));
  }

  /** Whether there is a file to load, for good or ill; loads nothing. */
  static boolean isThere(LibrarySearch search) {
    return search.places().stream()
        .anyMatch(place ->
            switch (place) {
              case LibraryPlace.NamedFile named -> Files.isRegularFile(named.file());
              case LibraryPlace.BundledResource bundled ->
                  loader().getResource(bundled.name()) != null;
              case LibraryPlace.Folders folders ->
                  folders.folders().stream()
                      .anyMatch(folder -> Files.isRegularFile(folder.resolve(search.fileName())));
            });
  }

  private static ClassLoader loader() {
    return Objects.requireNonNullElse(
        NativeLibrary.class.getClassLoader(), ClassLoader.getSystemClassLoader());
  }

  private static String notFound(LibrarySearch search, List<String> lookedFor) {
    String cure =
        search.platform().equals(LibrarySearch.BUILT_PLATFORM)
            ? "; add Pagoda's jar for "
                + LibrarySearch.BUILT_PLATFORM
                + " to the class path or name a file with -D"
                + LibrarySearch.PATH_PROPERTY
            : "; it is built for " + LibrarySearch.BUILT_PLATFORM + " alone";
    return "the native library is not there, neither as "
        + String.join(" nor as ", lookedFor)
        + cure
        + ": platform="
        + search.platform();
  }

  private static LibraryState loadNamed(Path file) {
    return Files.isRegularFile(file)
        ? load(file)
        : new Absent("there is no such file: " + LibrarySearch.PATH_PROPERTY + "=" + file);
  }

  private static Optional<LibraryState> loadFromFolders(List<Path> folders, String fileName) {
    // Looked for by hand, because System.loadLibrary warns about native access even in vain.
    return folders.stream()
        .map(folder -> folder.resolve(fileName))
        .filter(Files::isRegularFile)
        .findFirst()
        .map(NativeLibrary::load);
  }

  private static Optional<LibraryState> loadBundled(
      LibraryPlace.BundledResource bundled, String fileName) {
    try (InputStream bytes = loader().getResourceAsStream(bundled.name())) {
      if (bytes == null) {
        return Optional.empty();
      }
      try (UnpackedLibrary unpacked =
          UnpackedLibrary.of(bytes, fileName, bundled.temporaryFolder())) {
        return Optional.of(load(unpacked.file()));
      }
    } catch (IOException e) {
      return Optional.of(
          new Absent(
              "the native library cannot be unpacked, "
                  + e
                  + "; name another folder with -D"
                  + LibrarySearch.TMPDIR_PROPERTY
                  + ": temporaryFolder="
                  + bundled.temporaryFolder()));
    }
  }

  /**
   * Loads a file that exists, after a look at its ABI version.
   *
   * <p>The look is a mapping of its own that the bindings cannot see, and that ends here: a library
   * that is refused leaves no symbol behind which a later one would be mistaken for.
   */
  @SuppressWarnings("restricted") // libraryLookup and System.load are what this class is for
  private static LibraryState load(Path file) {
    String path = file.toAbsolutePath().toString();
    try (Arena look = Arena.ofConfined()) {
      Optional<String> refusal = refusal(file, look);
      if (refusal.isPresent()) {
        return new Absent(refusal.get());
      }
      System.load(path);
      return new Loaded(path);
    } catch (UnsatisfiedLinkError e) {
      return new Absent(LoadFailures.linkerRefused(e, file));
    } catch (IllegalCallerException e) {
      return new Absent(LoadFailures.nativeAccessDenied(NativeLibrary.class.getModule()));
    } catch (UnsupportedOperationException e) {
      return new Absent("this JVM cannot call native code: " + e.getMessage());
    }
  }

  @SuppressWarnings("restricted")
  private static Optional<String> refusal(Path file, Arena look) {
    SymbolLookup symbols;
    try {
      symbols = SymbolLookup.libraryLookup(file, look);
    } catch (IllegalArgumentException e) {
      // It says only that the library cannot be opened; System.load fails with the linker's words.
      System.load(file.toAbsolutePath().toString());
      return Optional.of("the library cannot be opened for a look, " + e + ": file=" + file);
    }
    Optional<MemorySegment> function = symbols.find(VERSION_FUNCTION);
    if (function.isEmpty()) {
      return Optional.of(
          "this is no library of Pagoda's, it has no " + VERSION_FUNCTION + ": file=" + file);
    }
    int libraryVersion = callVersion(function.get());
    int classesVersion = pagoda_h.PAGODA_ABI_VERSION();
    return libraryVersion == classesVersion
        ? Optional.empty()
        : Optional.of(
            "the native library and the classes are of different releases, ABI "
                + libraryVersion
                + " and "
                + classesVersion
                + ": file="
                + file);
  }

  @SuppressWarnings("restricted")
  private static int callVersion(MemorySegment function) {
    MethodHandle handle =
        Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_INT));
    try {
      return (int) handle.invokeExact();
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a downcall declares no checked exception", e);
    }
  }
}
