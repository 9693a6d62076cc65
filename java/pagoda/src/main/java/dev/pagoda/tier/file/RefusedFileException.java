package dev.pagoda.tier.file;

import java.nio.file.Path;

/** A file was read and is not what was asked for. Nothing has changed. */
public final class RefusedFileException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong with a file. */
  public enum Reason {
    /** It does not begin as a file of Pagoda does. */
    NOT_OURS,
    /** It ends early. */
    TRUNCATED,
    /** A checksum is wrong, or what it says contradicts itself. */
    DAMAGED,
    /** Sound, but written by a later version with something that this one does not know. */
    NEWER_VERSION,
    /** Sound, but of a cache with other layers, element types or block size. */
    OTHER_LAYOUT,
    /** Sound, but of another model. */
    FOREIGN_MODEL,
    /** Sound, but it holds something else: a block of a prefix, not sequences, or the reverse. */
    OTHER_CONTENT
  }

  /** What is wrong. */
  private final Reason reason;

  /** Which file. */
  private final String path;

  RefusedFileException(Reason reason, Path path, String detail) {
    super(detail + ", reason=" + reason + ", path=" + path);
    this.reason = reason;
    this.path = path.toString();
  }

  /**
   * What is wrong with the file.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
  }

  /**
   * Which file.
   *
   * @return its path, as it was given
   */
  public Path path() {
    return Path.of(path);
  }
}
