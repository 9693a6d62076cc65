package dev.pagoda.tier.file;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.file.DiskBooks.ReadEnd;
import java.io.IOException;
import java.nio.file.NoSuchFileException;

/**
 * Reads blocks of a disk tier. Whatever is wrong with a file is a miss, and what is no answer now
 * and would be none later is removed.
 *
 * <p>Threads: any number.
 */
final class BlockReader {
  private static final System.Logger LOGGER = System.getLogger(DiskTier.class.getName());

  private final TierFolder folder;
  private final BlockFiles files;
  private final DiskBooks books;
  private final FileRemovals removals;

  BlockReader(TierFolder folder, BlockFiles files, DiskBooks books, FileRemovals removals) {
    this.folder = folder;
    this.files = files;
    this.books = books;
    this.removals = removals;
  }

  /** Whether a block was there and is in the storage now. */
  boolean read(PrefixBlock block, KvStorage storage, int blockId) {
    BlockKey key = block.key();
    BlockStaging staging = books.startRead(key);
    if (staging == null) {
      return false;
    }
    ReadEnd end = ReadEnd.BROKEN_OFF;
    try {
      files.read(folder.pathOf(key), block, staging, storage, blockId);
      end = ReadEnd.HIT;
    } catch (RefusedFileException | NoRegularFileException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a block on disk is not used", refused);
      end = ReadEnd.REFUSED;
    } catch (IOException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "a block on disk cannot be read", refused);
      end = refused instanceof NoSuchFileException ? ReadEnd.GONE : ReadEnd.FAILED;
    } finally {
      DiskEntry useless = books.endRead(key, staging, end);
      if (useless != null) {
        removals.remove(useless);
      }
    }
    return end == ReadEnd.HIT;
  }
}
