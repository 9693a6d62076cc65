package dev.pagoda.prefix;

import dev.pagoda.KvSequence;
import dev.pagoda.SequenceObserver;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A {@link KvSequence} whose token ids are known, so that its blocks can be shared.
 *
 * <p>Steps append to {@link #sequence} as to any other. Whenever one is committed, the blocks that
 * are full and whose ids are known become shareable, unless the request was opened not to write.
 * The ids of the prompt are known from the start; those of the reply are given with {@link
 * #append}, before or after the step that computes them. Give no ids for drafts until they are
 * accepted.
 *
 * <p>Truncating the sequence forgets the ids behind the new length. Whoever opened it closes it;
 * closing twice is allowed. Threads: one writer at a time, the same as the sequence's.
 */
public final class TokenSequence implements AutoCloseable {
  private static final System.Logger LOGGER = System.getLogger("dev.pagoda");

  private final PrefixCache prefixes;
  private final KvSequence sequence;
  private final Line line;
  private final OpenOptions options;
  private final ArrayList<CachedEntry> chain = new ArrayList<>();
  private int[] ids = {};
  private int numIds;
  private int numIdsDropped; // ids of content that is to be computed again
  private int lengthCounted;
  private int promptTokens;
  private long cachedTokens;
  private long loadedTokens;
  private long headTokens;
  private long computedTokens;
  private long publishedTokens;
  private MissReason missReason = MissReason.NOT_READ;

  /** Where a sequence's blocks hang, and since when. */
  record Line(CachedEntry root, KeyEncoding encoding, long epoch) {}

  /** What a lookup brought. */
  record Found(int cached, int loaded, int head, MissReason reason, List<CachedEntry> entries) {}

  TokenSequence(PrefixCache prefixes, KvSequence sequence, Line line, OpenOptions options) {
    this.prefixes = prefixes;
    this.sequence = sequence;
    this.line = line;
    this.options = options;
    lengthCounted = sequence.length();
    sequence.observe(new Observer());
  }

  void begin(int[] prompt, List<CachedEntry> entries) {
    ids = prompt;
    numIds = prompt.length;
    promptTokens = prompt.length;
    chain.addAll(entries);
  }

  void count(Found found) {
    cachedTokens += found.cached();
    loadedTokens += found.loaded();
    headTokens += found.head();
    missReason = found.reason();
  }

  private final class Observer implements SequenceObserver {
    @Override
    public void committed(KvSequence committed) {
      long added = Math.max(0, committed.length() - lengthCounted);
      lengthCounted = committed.length();
      computedTokens += added;
      prefixes.counters().computedTokens.add(added);
      if (options.write()) {
        try {
          var _ = publishNow();
        } catch (OutOfMemoryError full) {
          // As below; and to say so would take memory.
        } catch (RuntimeException failed) {
          // The step is committed whatever becomes of the sharing.
          LOGGER.log(System.Logger.Level.WARNING, "blocks could not be published", failed);
        }
      }
    }

    @Override
    public void truncated(int newLength) {
      if (newLength < lengthCounted) {
        numIds = Math.min(numIds, newLength);
        lengthCounted = newLength;
        int numFull = newLength / blockSize();
        while (chain.size() > numFull) {
          chain.removeLast();
        }
      }
    }

    @Override
    public void dropped() {
      numIdsDropped = numIds;
      numIds = 0;
      lengthCounted = 0;
      chain.clear();
    }
  }

  private int blockSize() {
    return sequence.cache().shape().blockSize();
  }

  /**
   * The sequence, to be appended to in steps. Owned by this: close this instead.
   *
   * @return the sequence
   */
  public KvSequence sequence() {
    return sequence;
  }

  /**
   * Committed tokens, those of the cached prefix included.
   *
   * @return number of tokens
   */
  public int length() {
    return sequence.length();
  }

  /**
   * The tokens whose ids are known.
   *
   * @return ids from position 0 on; a copy
   */
  public int[] tokenIds() {
    return Arrays.copyOf(ids, numIds);
  }

  /**
   * Tokens whose ids are known and whose keys and values are not there yet.
   *
   * @return the part of the prompt that has to be computed, after opening
   */
  public int numMissing() {
    return Math.max(0, numIds - length());
  }

  /**
   * Says which tokens come next. Their content may be there already, or be computed later.
   *
   * @param tokenIds ids of the positions behind those that are known
   */
  public void append(int... tokenIds) {
    if (numIds + tokenIds.length > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, numIds + tokenIds.length));
    }
    System.arraycopy(tokenIds, 0, ids, numIds, tokenIds.length);
    numIds += tokenIds.length;
  }

  /**
   * Makes the full committed blocks shareable whose ids are known: what commits do by themselves,
   * for ids that were given after the commit, and for requests that were opened not to write.
   *
   * @return tokens that became shareable; not those that were already
   * @throws IllegalStateException if the sequence is closed or parked
   */
  public int publish() {
    return publishNow();
  }

  private int publishNow() {
    if (Math.min(numIds, length()) < blockSize()) {
      return 0;
    }
    int published = prefixes.publish(sequence, ids, numIds, line, chain, options.retention());
    publishedTokens += published;
    return published;
  }

  /**
   * Drops the tokens behind a length, and their ids.
   *
   * @param newLength tokens to keep, {@code [0, length]}
   * @throws IllegalArgumentException if there are fewer tokens than that
   * @throws IllegalStateException if the sequence is closed, parked or in a step
   */
  public void truncate(int newLength) {
    sequence.truncate(newLength);
    numIds = Math.min(numIds, newLength); // also ids that were given ahead
  }

  /**
   * A second sequence with the same tokens, which shares every block, see {@link KvSequence#fork}.
   *
   * @return the fork, the caller's to close
   * @throws IllegalStateException if the sequence is closed, parked or in a step
   */
  public TokenSequence fork() {
    Line own = ownLine();
    int[] ownIds = Arrays.copyOf(ids, numIds);
    KvSequence forked = sequence.fork();
    try {
      TokenSequence fork = new TokenSequence(prefixes, forked, own, options);
      fork.ids = ownIds;
      fork.numIds = numIds;
      fork.chain.addAll(chain);
      fork.missReason = missReason;
      return fork;
    } catch (Throwable refused) {
      forked.close();
      throw refused;
    }
  }

  private Line ownLine() {
    return new Line(line.root(), line.encoding().copy(), line.epoch());
  }

  /**
   * Takes up again after the content was dropped to make room: fills the sequence with what is
   * still cached of it. If somebody has computed the same tokens again meanwhile, that stays; their
   * ids are known again.
   *
   * @return tokens that the sequence has now; {@link #numMissing} are left to compute
   * @throws dev.pagoda.block.OutOfBlocksException if room is required and the pool has none for the
   *     rest; nothing has changed
   * @throws IllegalStateException if the sequence is closed, parked or in a step
   */
  public int resume() {
    int numKnown = Math.max(numIds, numIdsDropped);
    if (length() == 0) {
      int[] prompt = Arrays.copyOf(ids, numKnown);
      chain.clear();
      chain.ensureCapacity(sequence.cache().shape().blocksFor(numKnown));
      Found found = prefixes.fill(sequence, prompt, line, options);
      for (int i = 0; i < found.entries().size(); i++) {
        chain.add(found.entries().get(i)); // there is room, and nothing may fail any more
      }
      count(found);
      lengthCounted = length();
    }
    numIds = numKnown;
    numIdsDropped = 0;
    return length();
  }

  /**
   * What the prefix cache did for this request.
   *
   * @return a snapshot
   */
  public PrefixUse use() {
    return new PrefixUse(
        promptTokens,
        cachedTokens,
        loadedTokens,
        headTokens,
        computedTokens,
        publishedTokens,
        missReason);
  }

  /** Gives the blocks back; those that are shareable stay where they are until they are needed. */
  @Override
  public void close() {
    sequence.close();
  }

  @Override
  public String toString() {
    return "TokenSequence[numIds=" + numIds + ", " + sequence + "]";
  }
}
