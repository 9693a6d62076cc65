package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/** The file system of the machine, through channels that no interrupt closes. */
final class SystemFiles implements FileCalls {
  private static final Set<OpenOption> READING =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  private static final Set<OpenOption> CREATING =
      Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
  private static final Set<OpenOption> WRITING =
      Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);

  static boolean hasPermissions(Path path) {
    return Files.getFileAttributeView(path, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        != null;
  }

  /** Where files have no such permissions, a folder in the user's home is private by itself. */
  static FileAttribute<?>[] only(Path place, String permissions) {
    return hasPermissions(place)
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }

  @Override
  public OpenFile open(Path path) throws IOException {
    BasicFileAttributes attributes =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      // Opening a pipe would wait for whoever writes into it.
      throw new NoRegularFileException(path);
    }
    return SystemFile.open(path, READING);
  }

  @Override
  public OpenFile create(Path path) throws IOException {
    return SystemFile.open(path, CREATING, WRITING, only(path, "rw-------"));
  }

  @Override
  public void replace(Path source, Path target) throws IOException {
    Files.move(source, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    if (hasPermissions(folder)) { // elsewhere folders cannot be opened, and need not be forced
      try (SystemFile opened = SystemFile.open(folder, Set.of(StandardOpenOption.READ))) {
        opened.force();
      }
    }
  }

  @Override
  public void delete(Path path) throws IOException {
    Files.deleteIfExists(path);
  }

  @Override
  public List<Entry> list(Path folder, Predicate<String> names) throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (String name : names(folder)) {
      if (!name.equals(PrivateFolder.LOCK_NAME) && names.test(name)) {
        try {
          BasicFileAttributes attributes =
              Files.readAttributes(
                  folder.resolve(name), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
          if (attributes.isRegularFile()) {
            entries.add(
                new Entry(name, attributes.size(), attributes.lastModifiedTime().toMillis()));
          }
        } catch (NoSuchFileException _) {
          // Somebody else has removed it since.
        }
      }
    }
    return entries;
  }

  /**
   * The names in a folder. In one call where that can be had: a stream of a folder that cannot be
   * closed for want of memory stays open, since nobody collects it.
   */
  static List<String> names(Path folder) throws IOException {
    if (folder.getFileSystem().equals(FileSystems.getDefault())) {
      String[] names = folder.toFile().list();
      if (names != null) {
        return List.of(names);
      }
    }
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) { // or says why not
      for (Path path : stream) {
        names.add(path.getFileName().toString());
      }
    } catch (DirectoryIteratorException failed) {
      throw failed.getCause();
    }
    return names;
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  public FolderLock lockFolder(Path folder) throws IOException {
    return PrivateFolder.take(folder);
  }
}
