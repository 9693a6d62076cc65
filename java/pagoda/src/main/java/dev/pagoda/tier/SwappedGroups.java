package dev.pagoda.tier;

import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The groups that a swap space holds, linked through themselves: a group whose blocks have left
 * must not be lost for want of memory. Guarded by its owner.
 */
final class SwappedGroups {
  private @Nullable SwappedGroup last;
  private int size;

  /** Adds a group that is not here. */
  void add(SwappedGroup group) {
    group.before = last;
    if (last != null) {
      last.after = group;
    }
    last = group;
    size++;
  }

  /** Takes a group out that is here. */
  void remove(SwappedGroup group) {
    if (group.before != null) {
      group.before.after = group.after;
    }
    if (group.after != null) {
      group.after.before = group.before;
    } else {
      last = group.before;
    }
    group.before = null;
    group.after = null;
    size--;
  }

  int size() {
    return size;
  }

  long numSequences() {
    return sum(group -> group.sequences().size());
  }

  long numClosed() {
    return sum(SwappedGroup::numClosed);
  }

  long numSlots() {
    return sum(group -> group.slots().length);
  }

  private long sum(ToLongFunction<SwappedGroup> count) {
    long sum = 0;
    for (SwappedGroup group = last; group != null; group = group.before) {
      sum += count.applyAsLong(group);
    }
    return sum;
  }
}
