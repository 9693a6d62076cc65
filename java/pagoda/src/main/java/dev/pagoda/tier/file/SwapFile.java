package dev.pagoda.tier.file;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file of a {@link SwapFolder}, and its part while it is written. */
final class SwapFile {
  private static final String SUFFIX = ".swap";
  private static final String PART_SUFFIX = ".part";

  private final Digest name;
  private final Path path;
  private final Path part;

  /** Among files that could not be removed. */
  @Nullable SwapFile next;

  /**
   * A file.
   *
   * @param opening tells the folder's files from those of any other opening of it: numbers begin
   *     anew with each
   */
  SwapFile(Path folder, long opening, long number) {
    name = new Digest(number, opening, 0, 0);
    path = folder.resolve(Long.toHexString(number) + SUFFIX);
    part = path.resolveSibling(path.getFileName() + PART_SUFFIX);
  }

  /** What the file must say, so that no other group's is taken for it. */
  Digest name() {
    return name;
  }

  Path path() {
    return path;
  }

  Path part() {
    return part;
  }
}
