package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import dev.pagoda.tier.file.FileCalls.Entry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The folder of a disk tier: what its files are called, and which of them a tier that starts finds.
 *
 * <pre>
 *   KEY.kv            a block, KEY its key in 64 hexadecimal digits
 *   KEY.NUMBER.part   one that is being written, or that a dying process left
 *   anything else     not the tier's
 * </pre>
 *
 * <p>Threads: any number.
 */
final class TierFolder {
  private static final String SUFFIX = ".kv";
  private static final String PART_SUFFIX = ".part";
  private static final Pattern PART = Pattern.compile("[0-9a-f]{64}\\.[0-9]+\\.part");

  private final FileCalls files;
  private final Path folder;

  TierFolder(FileCalls files, Path folder) {
    this.files = files;
    this.folder = folder;
  }

  Path pathOf(BlockKey key) {
    return folder.resolve(key + SUFFIX);
  }

  Path partOf(DiskEntry entry) {
    return folder.resolve(entry.key() + "." + entry.partNumber() + PART_SUFFIX);
  }

  void delete(Path path) throws IOException {
    files.delete(path);
  }

  /** What a tier found when it started. */
  record Stock(int numFound, int numRefused, int numEvicted) {}

  /**
   * Takes stock: whole files go into the index, used in the order in which they were written; parts
   * go, and files of another length, and those used longest ago for which there is no room.
   */
  Stock takeStock(DiskIndex index, long fileBytes) throws IOException {
    int numFound = 0;
    int numRefused = 0;
    int numEvicted = 0;
    List<Entry> entries = new ArrayList<>(files.list(folder, TierFolder::isOurs));
    entries.sort(Comparator.comparingLong(Entry::modifiedMillis).thenComparing(Entry::name));
    for (Entry entry : entries) {
      Optional<BlockKey> key = keyOf(entry.name());
      if (PART.matcher(entry.name()).matches()) {
        files.delete(folder.resolve(entry.name()));
      } else if (key.isPresent() && entry.bytes() == fileBytes) {
        index.found(new DiskEntry(key.get(), DiskEntry.NO_PART));
        numFound++;
      } else if (key.isPresent()) {
        files.delete(folder.resolve(entry.name()));
        numRefused++;
      }
    }
    for (DiskEntry victim : index.makeRoom(0)) {
      files.delete(pathOf(victim.key()));
      index.endRemoval(victim);
      numEvicted++;
    }
    return new Stock(numFound, numRefused, numEvicted);
  }

  private static boolean isOurs(String name) {
    return PART.matcher(name).matches() || keyOf(name).isPresent();
  }

  private static Optional<BlockKey> keyOf(String name) {
    if (!name.endsWith(SUFFIX)) {
      return Optional.empty();
    }
    try {
      BlockKey key = BlockKey.parse(name.substring(0, name.length() - SUFFIX.length()));
      return name.equals(key + SUFFIX) ? Optional.of(key) : Optional.empty();
    } catch (IllegalArgumentException other) {
      return Optional.empty();
    }
  }

  @Override
  public String toString() {
    return folder.toString();
  }
}
