package dev.pagoda.tier.file;

import dev.pagoda.KvSequence;
import dev.pagoda.ParkedGroup;
import java.nio.file.Path;
import java.util.List;

/**
 * Sequences that wait in a file of a {@link SwapFolder}, as it returned them. Immutable; used up
 * once the group has left.
 */
public final class FiledGroup {
  private final ParkedGroup parked;
  private final Path path;
  private final Digest name;

  FiledGroup(ParkedGroup parked, Path path, Digest name) {
    this.parked = parked;
    this.path = path;
    this.name = name;
  }

  ParkedGroup parked() {
    return parked;
  }

  Path path() {
    return path;
  }

  /** What the file must say, so that no other group's is taken for it. */
  Digest name() {
    return name;
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
        + path
        + "]";
  }
}
