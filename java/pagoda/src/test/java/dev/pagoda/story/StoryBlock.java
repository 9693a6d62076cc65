package dev.pagoda.story;

/** One life of a block, as the reference sees it. */
final class StoryBlock {
  /** The pool's number for it; -1 until it was read off the real cache. */
  int id = -1;

  int owners;

  /** What it is shared as, or {@link Shelf#NONE}. */
  Shelf shelf = Shelf.NONE;
}
