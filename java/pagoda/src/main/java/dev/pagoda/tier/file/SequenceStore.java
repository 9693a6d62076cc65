package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.tier.file.KvFileWriter.Durability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Saves sequences to files and restores them: a conversation goes on after a restart, on this
 * machine or another, with the same attention to the bit on the CPU backends.
 *
 * <p>A group is saved to one file, each distinct block once, and shares its blocks in the same way
 * when it is restored. A file fits every cache of the same layers, element types and block size,
 * whatever its backend: where key tiles lie the other way they are turned around.
 *
 * <p>All or nothing. A file is written beside its place, forced to the device, and then renamed, so
 * that its name always stands for a whole file. Until then it is called {@code .NAME.HEX.part}, a
 * long name cut; those that nobody has written to for an hour, left by a process that died, go with
 * the first save of a store into their folder. A file that is not sound, of another model or
 * another layout is a {@link RefusedFileException} that says which; what the machine refuses is an
 * {@link UncheckedIOException}. Either leaves the cache as it was.
 *
 * <p>Files hold keys and values, from which a prompt can be guessed, and are made readable by their
 * owner alone. A checksum finds accidents, not forgers: restore what you wrote.
 *
 * <p>Memory: the staging area, {@value #STAGING_BYTES} bytes or one block unless it is given.
 * Threads: any number; one save or restore at a time moves bytes, and the sequences of a save may
 * go on meanwhile. Whoever opens a store closes it, before the cache.
 */
public final class SequenceStore implements AutoCloseable {
  /** Size of the staging area, unless one block is larger. */
  public static final int STAGING_BYTES = 1 << 22;

  /** So many folders are remembered as tidied; with more of them some are looked through again. */
  static final int TIDIED_MAX = 1_000;

  private static final int[] NO_TOKEN_IDS = {};

  private final PagedKvCache cache;
  private final FileOwner owner;
  private final FileCalls files;
  private final AbandonedParts abandonedParts;
  private final BlockStaging staging;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Set<Path> tidied = new HashSet<>();
  private boolean closed;

  private SequenceStore(PagedKvCache cache, FileOwner owner, FileCalls files, Capacity staging) {
    this.cache = cache;
    this.owner = owner;
    this.files = files;
    abandonedParts = new AbandonedParts(files, InstantSource.system());
    this.staging = BlockStaging.open(cache, staging);
  }

  /**
   * Opens a store.
   *
   * @param cache whose sequences it saves and restores
   * @param model what their keys and values depend on
   * @return the store, the caller's to close
   */
  public static SequenceStore open(PagedKvCache cache, ModelFingerprint model) {
    return open(cache, model, Capacity.bytes(STAGING_BYTES));
  }

  /**
   * Opens a store with a staging area of the caller's choice.
   *
   * @param cache whose sequences it saves and restores
   * @param model what their keys and values depend on
   * @param staging memory through which blocks pass; bytes are rounded up to one block
   * @return the store, the caller's to close
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static SequenceStore open(PagedKvCache cache, ModelFingerprint model, Capacity staging) {
    return open(cache, model, staging, new SystemFiles());
  }

  static SequenceStore open(
      PagedKvCache cache, ModelFingerprint model, Capacity staging, FileCalls files) {
    Objects.requireNonNull(model, "model");
    return new SequenceStore(cache, FileOwner.of(cache.layout(), model), files, staging);
  }

  /**
   * Saves a sequence without token ids.
   *
   * @param sequence an idle sequence of the cache
   * @param path the file; one that exists is replaced
   * @throws UncheckedIOException if it cannot be written
   * @throws IllegalStateException if the sequence is closed, parked or in a step
   */
  public void save(KvSequence sequence, Path path) {
    save(List.of(sequence), List.of(NO_TOKEN_IDS), path);
  }

  /**
   * Saves a sequence.
   *
   * @param sequence an idle sequence of the cache
   * @param tokenIds its tokens, as many as it is long
   * @param path the file; one that exists is replaced
   * @throws UncheckedIOException if it cannot be written
   * @throws IllegalArgumentException if there are more token ids, or fewer
   * @throws IllegalStateException if the sequence is closed, parked or in a step
   */
  public void save(KvSequence sequence, int[] tokenIds, Path path) {
    save(List.of(sequence), List.of(tokenIds), path);
  }

  /**
   * Saves sequences to one file.
   *
   * @param group idle sequences of the cache, at least one
   * @param tokenIds one array per sequence, as long as the sequence, or empty
   * @param path the file; one that exists is replaced
   * @throws UncheckedIOException if it cannot be written; a file that was there still is, or the
   *     new one is if only the folder could not be forced
   * @throws IllegalArgumentException if a sequence is another cache's or the token ids do not fit
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   */
  public void save(List<KvSequence> group, List<int[]> tokenIds, Path path) {
    if (group.isEmpty() || group.size() != tokenIds.size()) {
      throw new IllegalArgumentException(
          "there is an array of token ids per sequence, and at least one: numSequences="
              + group.size()
              + ", numArrays="
              + tokenIds.size());
    }
    Path part = AbandonedParts.newPart(path);
    // Forks keep the content as it is, whatever becomes of the sequences meanwhile.
    List<KvSequence> forks = new ArrayList<>(group.size());
    try {
      for (KvSequence sequence : group) {
        requireOurs(sequence);
        forks.add(sequence.fork());
      }
      GroupIndex index = index(forks, tokenIds);
      cache.park(forks, (storage, blockIds) -> write(part, path, index, storage, blockIds));
    } finally {
      while (!forks.isEmpty()) {
        forks.removeLast().close();
      }
    }
  }

  private void requireOurs(KvSequence sequence) {
    if (sequence.cache() != cache) {
      throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
    }
  }

  private GroupIndex index(List<KvSequence> group, List<int[]> tokenIds) {
    int[] lengths = new int[group.size()];
    int[][] blockIds = new int[lengths.length][];
    int[][] ids = new int[lengths.length][];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = group.get(i).length();
      blockIds[i] = group.get(i).blockIds();
      ids[i] = tokenIds.get(i).clone();
      if (ids[i].length != 0 && ids[i].length != lengths[i]) {
        throw new IllegalArgumentException(
            "every token has an id, or none: length="
                + lengths[i]
                + ", numTokenIds="
                + ids[i].length);
      }
    }
    return GroupIndex.of(cache.shape().blockSize(), lengths, blockIds, ids);
  }

  private void write(Path part, Path path, GroupIndex index, KvStorage storage, int[] blockIds) {
    lock.lock();
    try {
      requireOpen();
      Path folder = KvFileWriter.folderOf(path);
      if (tidied.size() >= TIDIED_MAX) {
        tidied.clear();
      }
      if (tidied.add(folder)) {
        abandonedParts.remove(folder);
      }
      new KvFileWriter(files, Durability.FORCED)
          .write(
              part,
              path,
              index.header(owner, FileHeader.Kind.SEQUENCES, Digest.NONE),
              index,
              staging,
              (first, count) -> StagedBlocks.out(storage, blockIds, first, staging, count));
    } catch (IOException refused) {
      throw new UncheckedIOException("the sequences cannot be saved: path=" + path, refused);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Restores the sequences of a file.
   *
   * @param path the file
   * @return new sequences, as they were when they were saved
   * @throws RefusedFileException if the file is not what was asked for
   * @throws UncheckedIOException if it cannot be read
   * @throws dev.pagoda.block.OutOfBlocksException if the cache has too few free blocks
   */
  public RestoredGroup restore(Path path) {
    lock.lock();
    try {
      requireOpen();
      try (KvFileReader reader = KvFileReader.open(files, path, FileHeader.Kind.SEQUENCES, owner)) {
        return restore(path, reader);
      }
    } catch (IOException refused) {
      throw new UncheckedIOException("the file cannot be read: path=" + path, refused);
    } finally {
      lock.unlock();
    }
  }

  private RestoredGroup restore(Path path, KvFileReader reader) throws IOException {
    GroupIndex index = reader.readIndex(cache.layout());
    ParkedGroup parked = cache.openParked(index.lengths(), index.tables());
    try {
      cache.unpark(parked, (storage, blockIds) -> read(path, reader, storage, blockIds));
      return new RestoredGroup(parked.sequences(), index);
    } catch (Throwable refused) {
      for (int i = 0; i < parked.sequences().size(); i++) {
        parked.sequences().get(i).close();
      }
      throw refused;
    }
  }

  private void read(Path path, KvFileReader reader, KvStorage storage, int[] blockIds) {
    try {
      reader.readPayload(
          staging, (first, count) -> StagedBlocks.in(staging, storage, blockIds, first, count));
    } catch (IOException refused) {
      throw new UncheckedIOException("the file cannot be read: path=" + path, refused);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the store is closed: " + owner.layout());
    }
  }

  /**
   * Gives the staging area back.
   *
   * @throws IllegalStateException if it was closed before
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      closed = true;
      staging.close();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "SequenceStore[" + owner + "]";
  }
}
