package dev.pagoda.story;

import dev.pagoda.TokenContent;
import java.util.Arrays;

/** A run of tokens from position 0 on, and the history that each of them ends. */
final class Tokens {
  private final long root;
  private int[] ids = new int[8];
  private long[] histories = new long[8];
  private int length;

  /** No tokens, behind a history. */
  Tokens(long root) {
    this.root = root;
  }

  static Tokens of(long root, int... ids) {
    Tokens tokens = new Tokens(root);
    tokens.append(ids);
    return tokens;
  }

  int length() {
    return length;
  }

  void append(int... more) {
    if (length + more.length > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, length + more.length));
      histories = Arrays.copyOf(histories, ids.length);
    }
    for (int id : more) {
      ids[length] = id;
      histories[length] = TokenContent.follow(before(length), id);
      length++;
    }
  }

  void truncate(int newLength) {
    length = Math.min(length, newLength);
  }

  Tokens copy(int ofLength) {
    Tokens copy = new Tokens(root);
    copy.ids = Arrays.copyOf(ids, Math.max(8, ofLength));
    copy.histories = Arrays.copyOf(histories, Math.max(8, ofLength));
    copy.length = ofLength;
    return copy;
  }

  /** The history of what comes before a position. */
  long before(int position) {
    return position == 0 ? root : histories[position - 1];
  }

  int[] ids(int from, int to) {
    return Arrays.copyOfRange(ids, from, to);
  }

  int[] ids() {
    return ids(0, length);
  }

  long[] histories(int from, int to) {
    return Arrays.copyOfRange(histories, from, to);
  }

  long[] histories() {
    return histories(0, length);
  }

  @Override
  public String toString() {
    return Arrays.toString(ids());
  }
}
