package dev.pagoda.tier.file;

import dev.pagoda.BlockMover;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;

/**
 * Files for sequences that must make room in a cache, or in a {@link SwapSpace}, for longer.
 *
 * <pre>
 *   idle     --swapOut-->  filed  --swapIn-->   idle, as before
 *   swapped  --push---->          --pull--->    swapped
 *                                 --discard-->  closed
 * </pre>
 *
 * <p>Each group is one file, with each distinct block once. Files belong to this process: they are
 * not forced to the device, and those of a process that died are removed by the next one, for the
 * sequences are gone with it. For what is to last there is {@link SequenceStore}.
 *
 * <p>All or nothing: whatever throws leaves cache, swap space and folder as they were. A file that
 * was damaged meanwhile is a {@link RefusedFileException}; its group stays filed until it is
 * discarded.
 *
 * <p>The folder is this one's alone, as with a {@link DiskTier}. Memory: the staging area, {@value
 * SequenceStore#STAGING_BYTES} bytes or one block. Whoever opens a folder closes it, once all
 * groups have left. Threads: any number; one at a time moves bytes.
 */
public final class SwapFolder implements AutoCloseable {
  private static final Pattern OURS = Pattern.compile("[0-9a-f]{1,16}\\.swap(\\.part)?");

  private final PagedKvCache cache;
  private final Path folder;
  private final FileOwner owner;
  private final FileCalls files;
  private final FileCalls.FolderLock folderLock;
  private final BlockStaging staging;
  private final SwapFileRemovals removals;
  private final long opening = ThreadLocalRandom.current().nextLong();
  private final ReentrantLock io = new ReentrantLock();
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private int numGroups;
  private int numDrafts; // groups on their way here
  private long nextFile;
  private boolean closed;

  private SwapFolder(
      PagedKvCache cache,
      Path folder,
      FileCalls files,
      FileCalls.FolderLock folderLock,
      BlockStaging staging) {
    this.cache = cache;
    this.folder = folder;
    this.files = files;
    this.folderLock = folderLock;
    this.staging = staging;
    removals = new SwapFileRemovals(files);
    owner = FileOwner.of(cache.layout(), ModelFingerprint.ofDescription("swapped sequences"));
  }

  /**
   * Opens a folder, and empties it of what an earlier process left.
   *
   * @param folder where the files are; created if it is missing, with a parent that is there
   * @param cache whose sequences it takes
   * @return the folder, the caller's to close
   * @throws UncheckedIOException if it cannot be had: it is another user's, open to others, in use,
   *     or holds other files
   */
  public static SwapFolder open(Path folder, PagedKvCache cache) {
    return open(folder, cache, Capacity.bytes(SequenceStore.STAGING_BYTES), new SystemFiles());
  }

  @SuppressWarnings("MustBeClosedChecker") // the folder closes the lock
  static SwapFolder open(Path folder, PagedKvCache cache, Capacity staging, FileCalls files) {
    BlockStaging area = BlockStaging.open(cache, staging);
    try {
      FileCalls.FolderLock folderLock = files.lockFolder(folder);
      try {
        for (FileCalls.Entry left : files.list(folder, name -> OURS.matcher(name).matches())) {
          files.delete(folder.resolve(left.name()));
        }
        return new SwapFolder(cache, folder, files, folderLock, area);
      } catch (Throwable refused) {
        folderLock.close();
        throw refused;
      }
    } catch (IOException refused) {
      area.close();
      throw new UncheckedIOException("the folder cannot be used: folder=" + folder, refused);
    } catch (Throwable refused) {
      area.close();
      throw refused;
    }
  }

  /**
   * Moves sequences to a file and frees their blocks, those shared with outsiders excepted.
   *
   * @param group distinct idle sequences of the cache, at least one
   * @return how to bring them back
   * @throws UncheckedIOException if the file cannot be written
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step, or this is closed
   */
  public FiledGroup swapOut(List<KvSequence> group) {
    Draft draft = new Draft();
    try {
      var _ = cache.park(group, draft);
    } catch (Throwable refused) {
      draft.giveUp();
      throw refused;
    }
    return draft.enter();
  }

  /**
   * Moves a group from host memory to a file and frees its host slots.
   *
   * @param space where it is
   * @param group a group of that swap space, which this uses up
   * @return how to bring it back
   * @throws UncheckedIOException if the file cannot be written
   * @throws IllegalArgumentException if the group is another swap space's, or another cache's
   * @throws IllegalStateException if the group has left or is on its way, or this is closed
   */
  public FiledGroup push(SwapSpace space, SwappedGroup group) {
    if (group.sequences().getFirst().cache() != cache) {
      throw new IllegalArgumentException("a group of another cache: group=" + group);
    }
    Draft draft = new Draft();
    try {
      var _ = space.handOn(group, draft);
    } catch (Throwable refused) {
      draft.giveUp();
      throw refused;
    }
    return draft.enter();
  }

  /** A file that is about to be written: blocks alone, since who shares them is remembered. */
  private final class Draft implements BlockMover {
    private final SwapFile file;
    private Optional<FiledGroup> filed = Optional.empty();

    Draft() {
      removals.removeStranded();
      lock.lock();
      try {
        requireOpen();
        file = new SwapFile(folder, opening, nextFile);
        nextFile++;
        numDrafts++;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void move(KvStorage storage, int[] blockIds) {
      GroupIndex index = wholeBlocks(blockIds.length);
      io.lock();
      try {
        new KvFileWriter(files, Durability.WRITTEN)
            .write(
                file.part(),
                file.path(),
                index.header(owner, FileHeader.Kind.SEQUENCES, file.name()),
                index,
                staging,
                (first, count) -> StagedBlocks.out(storage, blockIds, first, staging, count));
      } catch (IOException refused) {
        throw new UncheckedIOException("the group cannot be written: path=" + file.path(), refused);
      } finally {
        io.unlock();
      }
    }

    @Override
    public void leaving(ParkedGroup parked) {
      filed = Optional.of(new FiledGroup(SwapFolder.this, parked, file));
    }

    /** Cannot fail. */
    FiledGroup enter() {
      FiledGroup made = filed.orElseThrow();
      lock.lock();
      try {
        made.isHere = true;
        numGroups++;
        numDrafts--;
      } finally {
        lock.unlock();
      }
      return made;
    }

    /** Cannot fail. */
    void giveUp() {
      removals.remove(file); // while the folder is still ours
      lock.lock();
      try {
        numDrafts--;
      } finally {
        lock.unlock();
      }
    }
  }

  /** Blocks as the table of one sequence: every slot counts, whoever has it. */
  private GroupIndex wholeBlocks(int numBlocks) {
    int blockSize = owner.layout().shape().blockSize();
    int[] table = new int[numBlocks];
    for (int i = 0; i < numBlocks; i++) {
      table[i] = i;
    }
    int length = Math.multiplyExact(numBlocks, blockSize);
    return GroupIndex.of(
        blockSize, new int[] {length}, new int[][] {table}, new int[][] {new int[0]});
  }

  /**
   * Moves a group back into the cache and removes its file.
   *
   * @param group a group of this folder
   * @throws dev.pagoda.block.OutOfBlocksException if the cache has too few free blocks
   * @throws RefusedFileException if the file was damaged
   * @throws UncheckedIOException if it cannot be read
   * @throws IllegalStateException if the group has left or is on its way, or one of its sequences
   *     was closed
   */
  public void swapIn(FiledGroup group) {
    claim(group);
    try {
      cache.unpark(group.parked(), (storage, blockIds) -> read(group, storage, blockIds));
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group);
  }

  /**
   * Moves a group to host memory and removes its file.
   *
   * @param group a group of this folder
   * @param space where to; of the same cache
   * @return how to bring it back
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free host slots
   * @throws RefusedFileException if the file was damaged
   * @throws UncheckedIOException if it cannot be read
   * @throws IllegalStateException if the group has left or is on its way
   */
  public SwappedGroup pull(FiledGroup group, SwapSpace space) {
    claim(group);
    SwappedGroup swapped;
    try {
      swapped =
          space.takeOver(group.parked(), (storage, blockIds) -> read(group, storage, blockIds));
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group);
    return swapped;
  }

  private void read(FiledGroup group, KvStorage storage, int[] blockIds) {
    io.lock();
    try (KvFileReader reader =
        KvFileReader.open(files, group.file().path(), FileHeader.Kind.SEQUENCES, owner)) {
      FileHeader header = reader.header();
      if (!header.key().equals(group.file().name()) || header.numBlocks() != blockIds.length) {
        throw FileHeader.damaged(
            group.file().path(), "the file is another group's: numBlocks=" + header.numBlocks());
      }
      reader.readPayload(
          staging, (first, count) -> StagedBlocks.in(staging, storage, blockIds, first, count));
    } catch (IOException refused) {
      throw new UncheckedIOException(
          "the group cannot be read: path=" + group.file().path(), refused);
    } finally {
      io.unlock();
    }
  }

  /**
   * Closes a group's sequences, those that are still open, and removes its file.
   *
   * @param group a group of this folder
   * @throws IllegalStateException if the group has left or is on its way
   */
  public void discard(FiledGroup group) {
    claim(group);
    List<KvSequence> sequences = group.sequences();
    for (int i = 0; i < sequences.size(); i++) { // an iterator would want memory
      sequences.get(i).close();
    }
    leave(group);
  }

  private void claim(FiledGroup group) {
    lock.lock();
    try {
      requireOpen();
      if (group.folder() != this || !group.isHere) {
        throw new IllegalStateException("the group has left or is on its way: group=" + group);
      }
      group.isHere = false;
    } finally {
      lock.unlock();
    }
  }

  private void unclaim(FiledGroup group) {
    lock.lock();
    try {
      group.isHere = true;
    } finally {
      lock.unlock();
    }
  }

  /** Cannot fail. */
  private void leave(FiledGroup group) {
    removals.remove(group.file()); // while the folder is still ours
    lock.lock();
    try {
      numGroups--;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Groups that wait here.
   *
   * @return number of groups
   */
  public int numGroups() {
    lock.lock();
    try {
      return numGroups;
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the folder is closed: folder=" + folder);
    }
  }

  /**
   * Lets go of the folder and gives the staging area back.
   *
   * @throws IllegalStateException if groups are still here or on their way, or it was closed
   *     before; nothing has changed
   * @throws UncheckedIOException if the folder's lock closes badly; it is closed all the same
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      if (numGroups > 0) {
        throw new IllegalStateException(
            "groups are still in files, bring them back or discard them: numGroups=" + numGroups);
      }
      if (numDrafts > 0) {
        throw new IllegalStateException("groups are on their way here: numDrafts=" + numDrafts);
      }
      closed = true;
    } finally {
      lock.unlock();
    }
    removals.removeStranded();
    staging.close();
    try {
      folderLock.close();
    } catch (IOException refused) {
      throw new UncheckedIOException("the folder's lock closes badly: folder=" + folder, refused);
    }
  }

  @Override
  public String toString() {
    return "SwapFolder[folder=" + folder + ", numGroups=" + numGroups() + "]";
  }
}
