package dev.pagoda.tier;

import dev.pagoda.BlockMover;
import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import dev.pagoda.memory.KvStorage;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * Sequences that gave their blocks up, or the last ones, without keeping the content, and how to
 * compute it again.
 *
 * <p>Whoever holds the sequences keeps them: the same objects come back with the same length, and
 * share blocks within the group as before. Until then everything but closing them is an {@link
 * IllegalStateException}; a group of which one was closed cannot come back.
 *
 * <p>Two ways back: {@link #restore} does everything in one call, {@link #reopen} leaves it to an
 * engine that computes the group beside its other work. Holds no memory, need not be closed.
 * Threads: one at a time.
 */
public final class DroppedGroup {
  private final PagedKvCache cache;
  private RecomputePlan plan;
  private ParkedGroup parked;
  private boolean isBack;

  DroppedGroup(PagedKvCache cache, ParkedGroup parked) {
    this.cache = cache;
    this.parked = parked;
    plan = RecomputePlan.of(GroupTables.of(cache, parked));
  }

  /**
   * Frees the blocks of sequences, those shared with outsiders excepted, all or none.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences, at least one
   * @return how to compute them again
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   */
  public static DroppedGroup drop(PagedKvCache cache, List<KvSequence> group) {
    return dropTail(cache, group, 0);
  }

  /**
   * Frees the last blocks of sequences, those shared with outsiders excepted, all or none. Each
   * sequence keeps the blocks before an index, and those that have no more keep all.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences, at least one
   * @param firstBlockIndex block index from which on blocks are given up, at least 0
   * @return how to compute them again
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   */
  public static DroppedGroup dropTail(
      PagedKvCache cache, List<KvSequence> group, int firstBlockIndex) {
    return dropTail(cache, group, firstBlockIndex, dropped -> {});
  }

  /**
   * As the other {@code dropTail}, all or none together with something else.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences, at least one
   * @param firstBlockIndex block index from which on blocks are given up, at least 0
   * @param meanwhile is given what will be returned, before blocks are freed: from then on nothing
   *     fails, and if it throws nothing has changed here
   * @return how to compute them again
   */
  public static DroppedGroup dropTail(
      PagedKvCache cache,
      List<KvSequence> group,
      int firstBlockIndex,
      Consumer<? super DroppedGroup> meanwhile) {
    AtomicReference<DroppedGroup> dropped = new AtomicReference<>();
    GivingUp givingUp =
        new GivingUp(parked -> {
          DroppedGroup made = new DroppedGroup(cache, parked);
          dropped.setPlain(made);
          meanwhile.accept(made);
        });
    var _ = cache.parkTail(group, firstBlockIndex, givingUp);
    return dropped.getPlain();
  }

  /** Nothing is moved: the content is to be computed again. */
  private record GivingUp(Consumer<? super ParkedGroup> meanwhile) implements BlockMover {
    @Override
    public void move(KvStorage storage, int[] blockIds) {}

    @Override
    public void leaving(ParkedGroup parked) {
      meanwhile.accept(parked);
    }
  }

  /**
   * Frees more blocks of the group, all or none.
   *
   * @param firstBlockIndex block index from which on blocks are given up, less than before
   * @throws IllegalArgumentException if the index is not less than before
   * @throws IllegalStateException if the group is back already, or a sequence was closed
   */
  public void dropMore(int firstBlockIndex) {
    dropMore(firstBlockIndex, () -> {});
  }

  /**
   * As the other {@code dropMore}, all or none together with something else.
   *
   * @param firstBlockIndex block index from which on blocks are given up, less than before
   * @param meanwhile runs before blocks are freed: from then on nothing fails, and if it throws
   *     nothing has changed here
   */
  public void dropMore(int firstBlockIndex, Runnable meanwhile) {
    requireAway();
    AtomicReference<RecomputePlan> more = new AtomicReference<>(plan);
    GivingUp givingUp =
        new GivingUp(all -> {
          more.setPlain(RecomputePlan.of(GroupTables.of(cache, all)));
          meanwhile.run();
        });
    parked = cache.parkMore(parked, firstBlockIndex, givingUp);
    plan = more.getPlain();
  }

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return parked.sequences();
  }

  /**
   * Block index from which on blocks were given up.
   *
   * @return 0 if all were
   */
  public int firstBlockIndex() {
    return parked.firstBlockIndex();
  }

  ParkedGroup parked() {
    return parked;
  }

  /**
   * Which tokens to feed again, and who shares them.
   *
   * @return the plan
   */
  public RecomputePlan plan() {
    return plan;
  }

  /**
   * Gives the sequences back with the tokens whose blocks they kept, for the caller to carry out
   * the {@link #plan}. Takes no block.
   *
   * @throws dev.pagoda.block.OutOfBlocksException if the cache has too few free blocks for the
   *     suspended reservations of the group
   * @throws IllegalStateException if the group is back already, or a sequence was closed
   */
  public void reopen() {
    requireAway();
    cache.unparkEmpty(parked);
    isBack = true;
  }

  private void requireAway() {
    if (isBack) {
      throw new IllegalStateException("the group is back already: " + this);
    }
  }

  /**
   * Carries out the {@link #plan}, with blocks reserved for all of it before anything is computed.
   * If it throws, what was computed is given up and the group is dropped as before, lengths
   * included; only if the feeder left a sequence closed, in a step or without the blocks it had
   * kept is the group back as it stands.
   *
   * @param feeder computes tokens; called once per {@link RecomputePlan.Feed}
   * @throws dev.pagoda.block.OutOfBlocksException if the cache has fewer free blocks than the plan
   *     and the suspended reservations of the group take; nothing was computed
   * @throws IllegalStateException if the group is back already, a sequence was closed, or the
   *     feeder appended more or fewer tokens than it was told to
   */
  public void restore(TokenFeeder feeder) {
    requireAway();
    try (BlockReservation room = cache.reserve(plan.numBlocks())) {
      List<BlockReservation> own = sequences().stream().map(KvSequence::reservation).toList();
      reopen();
      try {
        for (KvSequence sequence : sequences()) {
          sequence.drawFrom(room);
        }
        for (RecomputePlan.Entry entry : plan.entries()) {
          switch (entry) {
            case RecomputePlan.Share share ->
                share.sequence().shareFrom(share.source(), share.length());
            case RecomputePlan.Feed feed -> feed(feeder, feed);
          }
        }
        drawFromOwn(own);
      } catch (Throwable refused) {
        dropAgain(own, refused);
        throw refused;
      }
    }
  }

  private void drawFromOwn(List<BlockReservation> own) {
    for (int i = 0; i < own.size(); i++) {
      KvSequence sequence = sequences().get(i);
      if (!sequence.isClosed()) {
        if (own.get(i).isClosed()) {
          sequence.drawFromNone();
        } else {
          sequence.drawFrom(own.get(i));
        }
      }
    }
  }

  private static void feed(TokenFeeder feeder, RecomputePlan.Feed feed) {
    KvSequence sequence = feed.sequence();
    feeder.feed(sequence, feed.fromPosition(), feed.toPosition());
    if (sequence.length() != feed.toPosition()) {
      throw new IllegalStateException(
          "the feeder appended other tokens: fromPosition="
              + feed.fromPosition()
              + ", toPosition="
              + feed.toPosition()
              + ", length="
              + sequence.length());
    }
  }

  private void dropAgain(List<BlockReservation> own, Throwable refused) {
    try {
      cache.parkAgain(parked, own);
      isBack = false;
    } catch (IllegalStateException notIdle) {
      refused.addSuppressed(notIdle);
      drawFromOwn(own);
    }
  }

  @Override
  public String toString() {
    return "DroppedGroup[numSequences="
        + sequences().size()
        + ", firstBlockIndex="
        + firstBlockIndex()
        + ", numBlocks="
        + plan.numBlocks()
        + ", numTokens="
        + plan.numTokens()
        + ", isBack="
        + isBack
        + "]";
  }
}
