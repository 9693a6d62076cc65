package dev.pagoda.internal.kernel;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;

/**
 * One layer's attention over a batch. Checked by the caller: rows fit, heads divide.
 *
 * <p>Mutable so that a step makes one and uses it for ever; set between calls, read by the threads
 * inside one.
 */
public final class AttendCall {
  /**
   * What a step may read, all layers together, and find most of it in the second or third cache
   * again. Above that it pays to fetch ahead, see NOTES.md.
   */
  public static final long CACHED_BYTES_MAX = 4L << 20;

  private final KvStorage storage;
  private final RaggedBatch batch;
  private int layer;
  private AttentionSpec spec = AttentionSpec.causal(1, 1f);
  private Rows queries = Rows.none();
  private Rows output = Rows.none();
  private Rows lse = Rows.none();

  public AttendCall(KvStorage storage, RaggedBatch batch) {
    this.storage = storage;
    this.batch = batch;
  }

  /**
   * Says what to compute next.
   *
   * @param newQueries {@code [numTokens, numQueryHeads * keyHeadDim]}
   * @param newOutput {@code [numTokens, numQueryHeads * valueHeadDim]}
   * @param newLse {@code [numTokens, numQueryHeads]}, or none
   */
  public void set(
      int newLayer, AttentionSpec newSpec, Rows newQueries, Rows newOutput, Rows newLse) {
    layer = newLayer;
    spec = newSpec;
    queries = newQueries;
    output = newOutput;
    lse = newLse;
  }

  public KvStorage storage() {
    return storage;
  }

  public RaggedBatch batch() {
    return batch;
  }

  /** Whether keys and values are likely to be in a near cache. */
  public boolean isCached() {
    KvLayout layout = storage.layout();
    long numBlocks = batch.numContextTokens() / layout.shape().blockSize();
    return numBlocks * layout.blockBytes() <= CACHED_BYTES_MAX;
  }

  public int layer() {
    return layer;
  }

  public AttentionSpec spec() {
    return spec;
  }

  public Rows queries() {
    return queries;
  }

  public Rows output() {
    return output;
  }

  /** LSE rows, or {@link Rows#none()}. */
  public Rows lse() {
    return lse;
  }
}
