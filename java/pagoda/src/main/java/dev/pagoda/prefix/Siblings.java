package dev.pagoda.prefix;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Stream;

/**
 * The blocks behind one parent, in the order of their tokens: nearly always one, and many behind a
 * namespace or a prompt that everybody begins with.
 *
 * <p>Read by any thread while one changes it.
 */
sealed interface Siblings {
  /** The order of their tokens. */
  Comparator<PrefixBlock> BY_TOKENS = (a, b) -> Arrays.compare(a.ids(), b.ids());

  static Siblings of(PrefixBlock block) {
    return new One(block);
  }

  /** These and one more, unless there is one of the same tokens; replaces these. */
  Siblings with(PrefixBlock block);

  /** Takes those of the same tokens away; returns whether any are left. Cannot fail. */
  boolean remove(PrefixBlock block);

  /** Those before and behind a block: one of them has the most first tokens in common with it. */
  List<PrefixBlock> neighbours(PrefixBlock wanted);

  int size();

  /** Nothing but one block. */
  record One(PrefixBlock block) implements Siblings {
    @Override
    public Siblings with(PrefixBlock other) {
      if (BY_TOKENS.compare(block, other) == 0) {
        return this;
      }
      ConcurrentSkipListSet<PrefixBlock> both = new ConcurrentSkipListSet<>(BY_TOKENS);
      both.add(block);
      both.add(other);
      return new Many(both);
    }

    @Override
    public boolean remove(PrefixBlock other) {
      return BY_TOKENS.compare(block, other) != 0;
    }

    @Override
    public List<PrefixBlock> neighbours(PrefixBlock wanted) {
      return List.of(block);
    }

    @Override
    public int size() {
      return 1;
    }
  }

  /** Several blocks, or what is left of them. */
  record Many(ConcurrentSkipListSet<PrefixBlock> inOrder) implements Siblings {
    @Override
    public Siblings with(PrefixBlock other) {
      inOrder.add(other);
      return this;
    }

    @Override
    public boolean remove(PrefixBlock other) {
      try {
        inOrder.remove(other);
      } catch (OutOfMemoryError full) {
        // It is gone: what the set wanted memory for is to unlink its node.
      }
      return !inOrder.isEmpty();
    }

    @Override
    public List<PrefixBlock> neighbours(PrefixBlock wanted) {
      return Stream.of(inOrder.floor(wanted), inOrder.ceiling(wanted))
          .filter(Objects::nonNull)
          .toList();
    }

    @Override
    public int size() {
      return inOrder.size();
    }
  }
}
