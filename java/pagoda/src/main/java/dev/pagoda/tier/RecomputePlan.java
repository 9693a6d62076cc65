package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * How to compute a group of sequences again, so that each token is fed once, however many of the
 * sequences share it, and blocks are shared as before.
 *
 * <p>Entries are to be carried out in order, as a share needs its source complete; feeds that no
 * share stands between may go into one step. The longest sequence comes first, and each shorter one
 * takes over what it has in common with one before it. Common runs end at a block's end or with the
 * shorter sequence, so that nothing is ever copied.
 *
 * @param entries what to do
 * @param numBlocks distinct blocks that it takes
 * @param numTokens tokens to feed
 * @param numTokensUnshared tokens to feed if nothing were shared
 * @param numAttended how many tokens those to be fed attend to, each one its whole context: what
 *     attention costs grows with it
 */
public record RecomputePlan(
    List<Entry> entries, int numBlocks, long numTokens, long numTokensUnshared, long numAttended) {
  /** Copies the list. */
  public RecomputePlan {
    entries = List.copyOf(entries);
  }

  /** One thing to do. */
  public sealed interface Entry {
    /**
     * Whom it concerns.
     *
     * @return a sequence of the group
     */
    KvSequence sequence();
  }

  /**
   * Append the tokens of some positions, through steps that are committed.
   *
   * @param sequence whose tokens
   * @param fromPosition its length before
   * @param toPosition its length afterwards
   */
  public record Feed(KvSequence sequence, int fromPosition, int toPosition) implements Entry {
    /** Checks that there is a sequence. */
    public Feed {
      Objects.requireNonNull(sequence, "sequence");
    }

    /**
     * How many tokens those fed attend to, each one itself and all before it.
     *
     * @return the sum of {@code position + 1} over the positions fed
     */
    public long numAttended() {
      return attended(fromPosition, toPosition);
    }
  }

  /**
   * Let a sequence that is empty, or has but the blocks that it kept, take over the first tokens of
   * another one: {@code sequence.shareFrom(source, length)}.
   *
   * @param sequence who takes them
   * @param source who has them
   * @param length how many
   */
  public record Share(KvSequence sequence, KvSequence source, int length) implements Entry {
    /** Checks that there are sequences. */
    public Share {
      Objects.requireNonNull(sequence, "sequence");
      Objects.requireNonNull(source, "source");
    }
  }

  /**
   * What it would take to compute a group again, while it is still here.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences
   * @return the plan
   * @throws IllegalStateException if a sequence is closed or parked
   */
  public static RecomputePlan of(PagedKvCache cache, List<KvSequence> group) {
    return ofTail(cache, group, 0);
  }

  /**
   * What it would take to compute the last blocks of a group again, while it is still here.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences
   * @param firstBlockIndex block index from which on blocks are given up
   * @return the plan
   * @throws IllegalStateException if a sequence is closed or parked
   */
  public static RecomputePlan ofTail(
      PagedKvCache cache, List<KvSequence> group, int firstBlockIndex) {
    return of(GroupTables.of(cache, group, firstBlockIndex));
  }

  static RecomputePlan of(GroupTables tables) {
    List<Entry> entries = new ArrayList<>();
    int numBlocks = 0;
    long numTokens = 0;
    long numTokensUnshared = 0;
    long numAttended = 0;
    List<Integer> longestFirst =
        IntStream.range(0, tables.size())
            .boxed()
            .sorted(Comparator.comparingInt(tables::length).reversed())
            .toList();
    for (int turn = 0; turn < longestFirst.size(); turn++) {
      int index = longestFirst.get(turn);
      int length = tables.length(index);
      KvSequence sequence = tables.sequence(index);
      int commonBlocks = 0;
      KvSequence source = sequence;
      for (int earlier : longestFirst.subList(0, turn)) {
        int common = tables.commonBlocks(index, earlier);
        if (common > commonBlocks) {
          commonBlocks = common;
          source = tables.sequence(earlier);
        }
      }
      int kept = tables.keptLength(index);
      int shared = Math.min(length, kept + commonBlocks * tables.blockSize());
      if (shared > kept) {
        entries.add(new Share(sequence, source, shared));
      }
      if (shared < length) {
        Feed feed = new Feed(sequence, shared, length);
        entries.add(feed);
        numAttended += feed.numAttended();
      }
      numBlocks += tables.numBlocks(index) - commonBlocks;
      numTokens += length - shared;
      numTokensUnshared += length - kept;
    }
    return new RecomputePlan(entries, numBlocks, numTokens, numTokensUnshared, numAttended);
  }

  /** Sum of {@code position + 1} over a run of positions. */
  static long attended(long fromPosition, long toPosition) {
    return (toPosition * (toPosition + 1) - fromPosition * (fromPosition + 1)) / 2;
  }

  /**
   * Feeds among the entries.
   *
   * @return number of runs of tokens
   */
  public int numFeeds() {
    return (int) entries.stream().filter(Feed.class::isInstance).count();
  }
}
