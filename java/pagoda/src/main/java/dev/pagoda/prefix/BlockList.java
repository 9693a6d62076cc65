package dev.pagoda.prefix;

/** Both ends of a list of blocks, whose links are in {@link BlockLinks}. */
final class BlockList {
  int head = BlockLinks.NONE;
  int tail = BlockLinks.NONE;

  static BlockList[] perPriority() {
    BlockList[] lists = new BlockList[Retention.PRIORITY_MAX + 1];
    for (int i = 0; i < lists.length; i++) {
      lists[i] = new BlockList();
    }
    return lists;
  }

  boolean isEmpty() {
    return head == BlockLinks.NONE;
  }
}
