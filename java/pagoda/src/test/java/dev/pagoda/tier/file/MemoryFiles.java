package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * A file system in memory that remembers every change, so that it can say what a disk might hold
 * had the power gone at any moment; and that fails where it is told to.
 *
 * <p>What a crash may do: of the writes to a file since it was last forced each is there, missing,
 * or there in some of its sectors of 512 bytes; the file is as long as that needs or as long as it
 * was; of the changes of names since their folder was last forced each has happened or not, in any
 * order.
 */
final class MemoryFiles implements FileCalls {
  private static final int SECTOR_BYTES = 512;

  /** A file's bytes, whatever it is called. */
  private static final class Inode {
    byte[] bytes = new byte[0];
    long modified;

    void write(long position, byte[] written) {
      int end = Math.toIntExact(position + written.length);
      if (end > bytes.length) {
        bytes = Arrays.copyOf(bytes, end);
      }
      System.arraycopy(written, 0, bytes, Math.toIntExact(position), written.length);
    }
  }

  /** One change, in the order in which they were made. */
  private sealed interface Change {
    /** Bytes of a file. */
    record Write(Inode inode, long position, byte[] bytes) implements Change {}

    /** All bytes of a file so far are on the device. */
    record Force(Inode inode) implements Change {}

    /** Names: some appear or change their file, some go. A rename is one of each. */
    record Names(Path folder, Map<Path, Inode> linked, Set<Path> unlinked) implements Change {}

    /** All names of a folder so far are on the device. */
    record ForceNames(Path folder) implements Change {}
  }

  /** How a call fails. */
  enum Manner {
    /** Once, before anything was done. */
    BEFORE,
    /** Once, after it was done; a write half done. */
    AFTER,
    /** From then on, until repaired. */
    FROM_THEN_ON
  }

  /** Planted; nothing else throws it. */
  static final class Planted extends IOException {
    private static final long serialVersionUID = 1L;

    Planted(String site) {
      super("planted in " + site);
    }
  }

  private final Map<Path, Inode> names = new TreeMap<>();
  private final List<Change> changes = new ArrayList<>();
  private final Map<Path, Inode> before = new TreeMap<>();
  private final Map<Inode, byte[]> contentsBefore = new HashMap<>();
  private final Map<String, Runnable> awaited = new HashMap<>();
  private final Set<Path> locked = new HashSet<>();
  private boolean recording;
  private boolean forgetting;
  private int numOpen;
  private long clock;
  private int calls;
  private int failing = Integer.MAX_VALUE;
  private Manner manner = Manner.BEFORE;
  private long largestRead;
  private long claimedSize = -1;

  /** A call that may throw. */
  private interface Call<T> {
    T run() throws IOException;
  }

  private <T> T pass(String site, Call<T> call) throws IOException {
    Runnable action = awaited.remove(site);
    if (action != null) {
      action.run();
    }
    calls++;
    boolean fails = manner == Manner.FROM_THEN_ON ? calls >= failing : calls == failing;
    if (!fails) {
      return call.run();
    }
    if (manner == Manner.AFTER) {
      var _ = call.run();
    }
    throw new Planted(site);
  }

  /** Has something happen before the next call of a kind, as if another thread did it. */
  void atNext(String site, Runnable action) {
    awaited.put(site, action);
  }

  /** Whether all that was to happen has. */
  boolean hasNothingAhead() {
    return awaited.isEmpty();
  }

  void failAt(int call, Manner how) {
    calls = 0;
    failing = call;
    manner = how;
  }

  void repair() {
    failing = Integer.MAX_VALUE;
  }

  boolean hasFailed() {
    return calls >= failing;
  }

  int calls() {
    return calls;
  }

  int numOpen() {
    return numOpen + locked.size();
  }

  Set<Path> paths() {
    return new HashSet<>(names.keySet());
  }

  byte[] bytes(Path path) {
    return names.get(path).bytes.clone();
  }

  void put(Path path, byte[] bytes) {
    Inode inode = new Inode();
    inode.bytes = bytes.clone();
    inode.modified = clock++;
    names.put(path, inode);
  }

  /** Every file says that it is so long. */
  void claimSize(long bytes) {
    claimedSize = bytes;
  }

  /** Most bytes that one read asked for since the last call of this. */
  long takeLargestRead() {
    long largest = largestRead;
    largestRead = 0;
    return largest;
  }

  int numChanges() {
    return changes.size();
  }

  /** A disk after a crash that came when {@code cut} of the remembered changes had been made. */
  MemoryFiles crashed(int cut, RandomGenerator random) {
    Map<Inode, byte[]> contents = new HashMap<>();
    Map<Path, Inode> entries = new TreeMap<>();
    before.forEach((path, inode) -> entries.put(path, inode));
    contentsBefore.forEach((inode, bytes) -> contents.put(inode, bytes.clone()));
    for (int i = 0; i < cut; i++) {
      switch (changes.get(i)) {
        case Change.Write write -> {
          if (isForced(write.inode(), i, cut)) {
            apply(contents, write, 0, write.bytes().length);
          } else {
            tear(contents, write, random);
          }
        }
        case Change.Names change -> {
          if (isForced(change.folder(), i, cut) || random.nextBoolean()) {
            entries.putAll(change.linked());
            entries.keySet().removeAll(change.unlinked());
          }
        }
        case Change.Force _, Change.ForceNames _ -> {}
      }
    }
    MemoryFiles disk = new MemoryFiles();
    entries.forEach((path, inode) -> {
      disk.put(path, contents.getOrDefault(inode, new byte[0]));
      disk.names.get(path).modified = inode.modified;
    });
    disk.clock = clock;
    return disk;
  }

  /** What is there now counts as on the device; from here on changes are remembered. */
  void recordFromHere() {
    before.clear();
    contentsBefore.clear();
    before.putAll(names);
    names.values().forEach(inode -> contentsBefore.put(inode, inode.bytes.clone()));
    changes.clear();
    recording = true;
  }

  private boolean isForced(Inode inode, int from, int cut) {
    for (int i = from; i < cut; i++) {
      if (changes.get(i) instanceof Change.Force force && force.inode() == inode) {
        return true;
      }
    }
    return false;
  }

  private boolean isForced(Path folder, int from, int cut) {
    for (int i = from; i < cut; i++) {
      if (changes.get(i) instanceof Change.ForceNames force && force.folder().equals(folder)) {
        return true;
      }
    }
    return false;
  }

  private static void tear(
      Map<Inode, byte[]> contents, Change.Write write, RandomGenerator random) {
    switch (random.nextInt(4)) {
      case 0 -> {}
      case 1 -> apply(contents, write, 0, write.bytes().length);
      case 2 -> {
        apply(contents, write, 0, random.nextInt(write.bytes().length + 1));
      }
      default -> {
        if (random.nextBoolean()) { // the length is there and the bytes are not
          apply(contents, new Change.Write(write.inode(), write.position(), new byte[0]), 0, 0);
          grow(contents, write.inode(), write.position() + write.bytes().length);
        }
        for (int at = 0; at < write.bytes().length; at += SECTOR_BYTES) {
          if (random.nextBoolean()) {
            apply(contents, write, at, Math.min(write.bytes().length, at + SECTOR_BYTES));
          }
        }
      }
    }
  }

  private static void grow(Map<Inode, byte[]> contents, Inode inode, long length) {
    byte[] bytes = contents.getOrDefault(inode, new byte[0]);
    if (bytes.length < length) {
      contents.put(inode, Arrays.copyOf(bytes, Math.toIntExact(length)));
    }
  }

  private static void apply(Map<Inode, byte[]> contents, Change.Write write, int from, int to) {
    if (to > from) {
      grow(contents, write.inode(), write.position() + to);
      System.arraycopy(
          write.bytes(),
          from,
          contents.get(write.inode()),
          Math.toIntExact(write.position() + from),
          to - from);
    }
  }

  /** A disk, or a writer, that forces nothing. */
  void forgetForces() {
    forgetting = true;
  }

  private void changed(Change change) {
    boolean isForce = change instanceof Change.Force || change instanceof Change.ForceNames;
    if (recording && !(forgetting && isForce)) {
      changes.add(change);
    }
  }

  private final class Opened implements OpenFile {
    private final Inode inode;
    private boolean closed;

    Opened(Inode inode) {
      this.inode = inode;
      numOpen++;
    }

    @Override
    public long size() throws IOException {
      return pass("size", () -> claimedSize < 0 ? inode.bytes.length : claimedSize);
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
      largestRead = Math.max(largestRead, target.remaining());
      return pass(
          "read",
          () -> {
            int count = Math.clamp(inode.bytes.length - position, 0, target.remaining());
            target.put(inode.bytes, (int) Math.min(position, inode.bytes.length), count);
            return count;
          });
    }

    @Override
    public void write(ByteBuffer source, long position) throws IOException {
      byte[] bytes = new byte[source.remaining()];
      source.get(bytes);
      if (calls + 1 == failing && manner == Manner.AFTER) {
        write(position, Arrays.copyOf(bytes, bytes.length / 2)); // the disk is full half-way
        pass("write", () -> bytes);
      }
      pass(
          "write",
          () -> {
            write(position, bytes);
            return bytes;
          });
    }

    private void write(long position, byte[] bytes) {
      inode.write(position, bytes);
      inode.modified = clock++;
      changed(new Change.Write(inode, position, bytes));
    }

    @Override
    public void force() throws IOException {
      pass(
          "force",
          () -> {
            changed(new Change.Force(inode));
            return inode;
          });
    }

    @Override
    public void close() throws IOException {
      if (closed) {
        return;
      }
      closed = true;
      numOpen--;
      pass("close", () -> inode);
    }
  }

  private Inode inode(Path path) throws NoSuchFileException {
    Inode inode = names.get(path);
    if (inode == null) {
      throw new NoSuchFileException(path.toString());
    }
    return inode;
  }

  @Override
  public OpenFile open(Path path) throws IOException {
    return passOpening("open", () -> new Opened(inode(path)));
  }

  /** A call that fails after it opened something leaves nothing open, as the real one does not. */
  private OpenFile passOpening(String site, Call<Opened> call) throws IOException {
    return pass(
        site,
        () -> {
          Opened opened = call.run();
          if (calls == failing) {
            opened.closed = true;
            numOpen--;
          }
          return opened;
        });
  }

  @Override
  public OpenFile create(Path path) throws IOException {
    return passOpening(
        "create",
        () -> {
          if (names.containsKey(path)) {
            throw new FileAlreadyExistsException(path.toString());
          }
          Inode inode = new Inode();
          inode.modified = clock++;
          names.put(path, inode);
          changed(new Change.Names(path.getParent(), Map.of(path, inode), Set.of()));
          return new Opened(inode);
        });
  }

  @Override
  public void replace(Path source, Path target) throws IOException {
    pass(
        "replace",
        () -> {
          Inode inode = inode(source);
          names.put(target, inode);
          names.remove(source);
          changed(new Change.Names(target.getParent(), Map.of(target, inode), Set.of(source)));
          return inode;
        });
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    pass(
        "forceFolder",
        () -> {
          changed(new Change.ForceNames(folder));
          return folder;
        });
  }

  @Override
  public void delete(Path path) throws IOException {
    pass(
        "delete",
        () -> {
          if (names.remove(path) != null) {
            changed(new Change.Names(path.getParent(), Map.of(), Set.of(path)));
          }
          return path;
        });
  }

  @Override
  public List<Entry> list(Path folder, Predicate<String> tested) throws IOException {
    return pass(
        "list",
        () -> {
          List<Entry> entries = new ArrayList<>();
          names.forEach((path, inode) -> {
            String name = path.getFileName().toString();
            if (path.getParent().equals(folder) && tested.test(name)) {
              entries.add(new Entry(name, inode.bytes.length, inode.modified));
            }
          });
          return entries;
        });
  }

  @Override
  public FolderLock lockFolder(Path folder) throws IOException {
    return pass(
        "lockFolder",
        () -> {
          if (calls == failing) {
            return () -> {};
          }
          if (!locked.add(folder)) {
            throw new FileSystemException(folder.toString(), null, "in use");
          }
          return () -> {
            locked.remove(folder);
            pass("unlockFolder", () -> folder);
          };
        });
  }
}
