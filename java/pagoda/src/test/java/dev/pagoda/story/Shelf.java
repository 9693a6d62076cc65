package dev.pagoda.story;

/** A shareable block: its content, known by the history of its last token, and how it is kept. */
final class Shelf {
  static final Shelf NONE = new Shelf("", 0, new long[1], new int[0], new StoryBlock());

  final String tenant;

  /** The history of the tokens before this block. */
  final long parent;

  /** Histories of the tokens of this block. */
  final long[] histories;

  /** Tokens of this block. */
  final int[] ids;

  final StoryBlock block;
  boolean live = true;
  int priority;
  long pinnedUntil;

  Shelf(String tenant, long parent, long[] histories, int[] ids, StoryBlock block) {
    this.tenant = tenant;
    this.parent = parent;
    this.histories = histories;
    this.ids = ids;
    this.block = block;
  }

  long history() {
    return histories[histories.length - 1];
  }
}
