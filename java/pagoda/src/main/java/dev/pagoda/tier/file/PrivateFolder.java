package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A folder that is its owner's alone, and one process's at a time: the sole right to it, until
 * closed.
 *
 * <p>A lock on a file says so to other processes. Within this one that is not enough: where locks
 * are those of POSIX, closing any descriptor of a file gives up all that the process has on it, so
 * that a second attempt, though refused, would open the folder to the next process. So a folder
 * that is held here is known before its lock is touched, by what the file system knows it by and by
 * its path.
 */
final class PrivateFolder implements FileCalls.FolderLock {
  static final String LOCK_NAME = "pagoda.lock";

  private static final String PROBE_NAME = "pagoda.owner";
  private static final Set<String> OWN_NAMES = Set.of(LOCK_NAME, PROBE_NAME);
  private static final Set<PosixFilePermission> PRIVATE =
      EnumSet.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  /** Of this process; guards itself. */
  private static final List<Identity> HELD = new ArrayList<>();

  /** Either is enough: a folder may have two paths, and a path a second folder in time. */
  private record Identity(@Nullable Object fileKey, Path realPath) {
    static Identity of(Path folder) throws IOException {
      BasicFileAttributes attributes =
          Files.readAttributes(folder, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return new Identity(attributes.fileKey(), folder.toRealPath());
    }

    boolean meets(Identity other) {
      return realPath.equals(other.realPath) || (fileKey != null && fileKey.equals(other.fileKey));
    }
  }

  private final Identity identity;
  private final FileChannel channel;
  private final FileLock lock;

  private PrivateFolder(Identity identity, FileChannel channel, FileLock lock) {
    this.identity = identity;
    this.channel = channel;
    this.lock = lock;
  }

  /** Creates a folder or takes one over, see {@link FileCalls#lockFolder}. */
  static PrivateFolder take(Path folder) throws IOException {
    try {
      Files.createDirectory(folder, SystemFiles.only(folder, "rwx------"));
    } catch (FileAlreadyExistsException taken) {
      requirePrivate(folder);
    }
    Identity identity = Identity.of(folder);
    hold(folder, identity);
    try {
      return lock(folder, identity);
    } catch (Throwable refused) {
      letGo(identity);
      throw refused;
    }
  }

  private static void hold(Path folder, Identity identity) throws IOException {
    synchronized (HELD) {
      for (Identity held : HELD) {
        if (held.meets(identity)) {
          throw inUse(folder);
        }
      }
      HELD.add(identity);
    }
  }

  /** Needs no memory, and may be called again. */
  @SuppressWarnings("ReferenceEquality") // an equal one may be another holder's, later
  private static void letGo(Identity identity) {
    synchronized (HELD) {
      for (int i = HELD.size() - 1; i >= 0; i--) {
        if (HELD.get(i) == identity) {
          HELD.remove(i);
        }
      }
    }
  }

  private static FileSystemException inUse(Path folder) {
    return new FileSystemException(
        folder.toString(), null, "the folder is in use by another process or tier");
  }

  private static PrivateFolder lock(Path folder, Identity identity) throws IOException {
    Path lockPath = folder.resolve(LOCK_NAME);
    FileChannel channel = openLock(folder, lockPath);
    try {
      FileLock lock = tryLock(channel);
      if (lock == null) {
        throw inUse(folder);
      }
      requireSameOwner(folder, lockPath);
      return new PrivateFolder(identity, channel, lock);
    } catch (IOException | RuntimeException | Error refused) {
      channel.close();
      throw refused;
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException here) {
      return null;
    }
  }

  private static void requirePrivate(Path folder) throws IOException {
    BasicFileAttributes attributes =
        Files.readAttributes(folder, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isDirectory()) {
      throw new NotDirectoryException(folder.toString());
    }
    PosixFileAttributeView view =
        Files.getFileAttributeView(folder, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    if (view != null) {
      Set<PosixFilePermission> permissions = view.readAttributes().permissions();
      if (!PRIVATE.containsAll(permissions)) {
        throw new AccessDeniedException(
            folder.toString(),
            null,
            "the folder is open to others: permissions="
                + PosixFilePermissions.toString(permissions));
      }
    }
  }

  /** Only a folder that has its lock already, or nothing at all, is taken over. */
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  private static FileChannel openLock(Path folder, Path lockPath) throws IOException {
    try {
      return FileChannel.open(
          lockPath, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
    } catch (NoSuchFileException missing) {
      // Another process may have begun to take it over since.
      if (!OWN_NAMES.containsAll(SystemFiles.names(folder))) {
        throw new FileSystemException(
            folder.toString(), null, "the folder holds other files already");
      }
      return FileChannel.open(
          lockPath,
          Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE, LinkOption.NOFOLLOW_LINKS),
          SystemFiles.only(lockPath, "rw-------"));
    }
  }

  /** Whoever owns a file that this process made is this process's user. */
  private static void requireSameOwner(Path folder, Path lockPath) throws IOException {
    if (SystemFiles.hasPermissions(folder)) {
      Path probe = folder.resolve(PROBE_NAME); // nobody else's, who has the lock
      Files.deleteIfExists(probe);
      Files.createFile(probe, SystemFiles.only(probe, "rw-------"));
      try {
        if (!Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(probe))
            || !Files.getOwner(lockPath, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(probe))) {
          throw new AccessDeniedException(folder.toString(), null, "the folder is another user's");
        }
      } finally {
        Files.deleteIfExists(probe);
      }
    }
  }

  @Override
  public void close() throws IOException {
    try {
      if (channel.isOpen()) {
        lock.release(); // first: it needs no memory, and another process may come
      }
      channel.close();
    } finally {
      letGo(identity); // last: who comes next in this process would lose his lock to our close
    }
  }
}
