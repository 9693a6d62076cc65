package dev.pagoda.tier.file;

import dev.pagoda.KvSequence;
import dev.pagoda.ParkedGroup;
import java.util.List;

/**
 * Sequences that wait in a file of a {@link SwapFolder}, as it returned them. What it says never
 * changes; used up once the group has left.
 */
public final class FiledGroup {
  private final SwapFolder folder;
  private final ParkedGroup parked;
  private final SwapFile file;

  boolean isHere; // in its folder, and not on its way; guarded by the folder's lock

  FiledGroup(SwapFolder folder, ParkedGroup parked, SwapFile file) {
    this.folder = folder;
    this.parked = parked;
    this.file = file;
  }

  SwapFolder folder() {
    return folder;
  }

  ParkedGroup parked() {
    return parked;
  }

  SwapFile file() {
    return file;
  }

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return parked.sequences();
  }

  /**
   * Distinct blocks of the group, each in the file once.
   *
   * @return number of blocks
   */
  public int numBlocks() {
    return parked.numBlocks();
  }

  @Override
  public String toString() {
    return "FiledGroup[numSequences="
        + sequences().size()
        + ", numBlocks="
        + numBlocks()
        + ", path="
        + file.path()
        + "]";
  }
}
