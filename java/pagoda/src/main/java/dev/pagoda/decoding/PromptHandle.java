package dev.pagoda.decoding;

/**
 * What becomes of the prompt's own sequence when continuations fork from it.
 *
 * <p>Whoever holds a sequence counts as an owner of its blocks. If the prompt's last block is
 * partly filled, {@code n} continuations that each write into it copy it {@code n - 1} times if the
 * prompt moved, because the last one writes in place, and {@code n} times if it was kept.
 */
public enum PromptHandle {
  /** The prompt stays the caller's, unchanged, to fork from again or to close. */
  KEEP,
  /** The prompt becomes the first continuation; the caller must not use it any more. */
  MOVE
}
