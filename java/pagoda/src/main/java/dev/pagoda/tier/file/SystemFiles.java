package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
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

/** The file system of the machine, through channels. */
final class SystemFiles implements FileCalls {
  /** The JDK copies heap buffers through memory of the same size, which it then keeps. */
  private static final int HEAP_SLICE_BYTES = 1 << 16;

  private record Opened(FileChannel channel) implements OpenFile {
    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
      int total = 0;
      while (target.hasRemaining()) {
        ByteBuffer slice = slice(target);
        int count = channel.read(slice, position + total);
        if (count < 0) {
          break;
        }
        target.position(target.position() + count);
        total += count;
      }
      return total;
    }

    @Override
    public void write(ByteBuffer source, long position) throws IOException {
      long at = position;
      while (source.hasRemaining()) {
        int count = channel.write(slice(source), at);
        source.position(source.position() + count);
        at += count;
      }
    }

    private static ByteBuffer slice(ByteBuffer buffer) {
      return buffer.isDirect()
          ? buffer.slice()
          : buffer.slice(buffer.position(), Math.min(HEAP_SLICE_BYTES, buffer.remaining()));
    }

    @Override
    public void force() throws IOException {
      channel.force(true);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

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
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  public OpenFile open(Path path) throws IOException {
    BasicFileAttributes attributes =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      // Opening a pipe would wait for whoever writes into it.
      throw new FileSystemException(path.toString(), null, "not a regular file");
    }
    Set<OpenOption> options = Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    return new Opened(FileChannel.open(path, options));
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  public OpenFile create(Path path) throws IOException {
    Set<OpenOption> options = Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    return new Opened(FileChannel.open(path, options, only(path, "rw-------")));
  }

  @Override
  public void replace(Path source, Path target) throws IOException {
    Files.move(source, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    if (hasPermissions(folder)) { // elsewhere folders cannot be opened, and need not be forced
      try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
        channel.force(true);
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
