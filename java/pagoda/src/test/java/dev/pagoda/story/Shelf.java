package dev.pagoda.story;

/** A shareable block: its content, known by the history of its last token, and how it is kept. */
final class Shelf {
  static final Shelf NONE = new Shelf("", new long[0], new int[0], new StoryBlock());

  final String tenant;

  /** Histories of all tokens up to its last one. */
  final long[] histories;

  /** Tokens of this block. */
  final int[] ids;

  final StoryBlock block;
  boolean live = true;
  int priority;
  long pinnedUntil;

  Shelf(String tenant, long[] histories, int[] ids, StoryBlock block) {
    this.tenant = tenant;
    this.histories = histories;
    this.ids = ids;
    this.block = block;
  }

  long history() {
    return histories[histories.length - 1];
  }
}
