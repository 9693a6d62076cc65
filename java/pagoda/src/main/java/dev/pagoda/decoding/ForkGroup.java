package dev.pagoda.decoding;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * Sequences that continue one prompt in different ways, and share the blocks they have in common.
 *
 * <p>{@link #reassign} lets each member continue any of the members before: who is chosen once is
 * carried on, who is chosen {@code k} times is forked {@code k - 1} times, who is not chosen is
 * closed. A permutation copies nothing and forks nothing. Blocks are copied only when a step writes
 * into one that is still shared.
 *
 * <p>The group owns its sequences and frees their blocks at the latest in {@link #close}; closing
 * twice is allowed. Threads: one at a time.
 */
public final class ForkGroup implements AutoCloseable {
  private final UnaryOperator<KvSequence> fork;
  private List<KvSequence> sequences = List.of();
  private long numForks;
  // Of former members; less those that the prompt had made before it moved in.
  private long numBlockCopiesBefore;
  private boolean closed;

  ForkGroup(KvSequence prompt, PromptHandle handle, UnaryOperator<KvSequence> fork) {
    this.fork = fork;
    if (handle == PromptHandle.KEEP) {
      KvSequence first = fork.apply(prompt);
      try {
        sequences = List.of(first);
      } catch (OutOfMemoryError full) {
        first.close();
        throw full;
      }
      numForks = 1;
    } else {
      requireIdle(prompt);
      sequences = List.of(prompt);
      numBlockCopiesBefore = -prompt.numBlockCopies();
    }
  }

  /**
   * Forks a prompt.
   *
   * @param prompt an idle sequence
   * @param size continuations, at least 1
   * @param handle whether the prompt stays the caller's or becomes the first continuation
   * @return the group, owned by the caller
   * @throws IllegalArgumentException if {@code size < 1}
   * @throws IllegalStateException if the prompt is closed, parked or in a step; it stays the
   *     caller's
   */
  public static ForkGroup of(KvSequence prompt, int size, PromptHandle handle) {
    return of(prompt, size, handle, KvSequence::fork);
  }

  static ForkGroup of(
      KvSequence prompt, int size, PromptHandle handle, UnaryOperator<KvSequence> fork) {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(handle, "handle");
    if (size < 1) {
      throw new IllegalArgumentException("a group has at least one sequence: size=" + size);
    }
    ForkGroup group = new ForkGroup(prompt, handle, fork);
    try {
      group.reassign(new int[size]);
    } catch (Throwable refused) {
      if (handle == PromptHandle.KEEP) {
        group.close();
      }
      throw refused;
    }
    return group;
  }

  /**
   * The members, in order.
   *
   * @return unmodifiable list, which later calls leave as it is
   */
  public List<KvSequence> sequences() {
    return sequences;
  }

  /**
   * Members.
   *
   * @return number of sequences, 0 after {@link #close}
   */
  public int size() {
    return sequences.size();
  }

  /**
   * Plans to append one token to each member, in order.
   *
   * @param step a step of the prompt's cache that has not begun
   * @return the step
   * @throws IllegalArgumentException if the step is another cache's
   * @throws IllegalStateException if the step has begun
   */
  public Step appendTo(Step step) {
    for (KvSequence sequence : sequences) {
      step.append(sequence, 1);
    }
    return step;
  }

  /**
   * Replaces the members: the new member {@code i} continues the old member {@code parents[i]}. If
   * it throws, nothing has changed.
   *
   * @param parents indices of old members, any number of them; a group may grow, shrink and end
   * @throws IllegalArgumentException if there is no such member
   * @throws IllegalStateException if a member to be forked or closed is in a step, parked or
   *     closed, or the group was closed
   */
  public void reassign(int... parents) {
    if (closed) {
      throw new IllegalStateException("the group is closed: parents=" + Arrays.toString(parents));
    }
    boolean[] chosen = new boolean[size()];
    KvSequence[] children = new KvSequence[parents.length];
    List<KvSequence> forks = new ArrayList<>(parents.length);
    List<KvSequence> reassigned;
    for (int parent : parents) {
      if (parent < 0 || parent >= size()) {
        throw new IllegalArgumentException("no such member: size=" + size() + ", parent=" + parent);
      }
    }
    try {
      for (int i = 0; i < parents.length; i++) {
        KvSequence sequence = sequences.get(parents[i]);
        if (chosen[parents[i]]) {
          sequence = fork.apply(sequence);
          forks.add(sequence);
        }
        chosen[parents[i]] = true;
        children[i] = sequence;
      }
      for (int i = 0; i < chosen.length; i++) {
        if (!chosen[i]) {
          requireIdle(sequences.get(i)); // so that all losers can be closed
        }
      }
      reassigned = List.of(children);
    } catch (Throwable refused) {
      while (!forks.isEmpty()) {
        forks.removeLast().close();
      }
      throw refused;
    }
    numForks += forks.size();
    for (int i = 0; i < chosen.length; i++) {
      if (!chosen[i]) {
        closeMember(sequences.get(i));
      }
    }
    sequences = reassigned;
  }

  private void closeMember(KvSequence sequence) {
    sequence.close();
    numBlockCopiesBefore += sequence.numBlockCopies();
  }

  /** Truncating to the present length changes nothing, but refuses a sequence that is not idle. */
  private static void requireIdle(KvSequence sequence) {
    sequence.truncate(sequence.length());
  }

  /**
   * Sequences made by forking.
   *
   * @return number of forks since the prompt
   */
  public long numForks() {
    return numForks;
  }

  /**
   * Blocks copied because members wrote into one that was shared.
   *
   * @return number of block copies since the prompt, of former members too, of nobody else
   */
  public long numBlockCopies() {
    long count = numBlockCopiesBefore;
    for (KvSequence sequence : sequences) {
      count += sequence.numBlockCopies();
    }
    return count;
  }

  /**
   * Closes all members.
   *
   * @throws IllegalStateException if one is in a step: commit or close the step, then close again;
   *     the members before it are closed
   */
  @Override
  public void close() {
    int numClosed = 0;
    try {
      while (numClosed < sequences.size()) {
        closeMember(sequences.get(numClosed));
        numClosed++;
      }
      sequences = List.of();
    } catch (IllegalStateException refused) {
      sequences = sequences.subList(numClosed, sequences.size());
      throw refused;
    }
    closed = true;
  }

  @Override
  public String toString() {
    return "ForkGroup[size="
        + size()
        + ", numForks="
        + numForks
        + ", numBlockCopies="
        + numBlockCopies()
        + "]";
  }
}
