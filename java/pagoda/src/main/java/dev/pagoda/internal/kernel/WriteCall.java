package dev.pagoda.internal.kernel;

import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;

/**
 * Keys and values on their way into one layer of the cache, one row per token of a batch. Checked
 * by the caller: rows fit, blocks exist.
 *
 * <p>Mutable so that a step makes one and uses it for ever; set between calls, read by the threads
 * inside one.
 */
public final class WriteCall {
  private final KvStorage storage;
  private final RaggedBatch batch;
  private int layer;
  private Rows keys = Rows.none();
  private Rows values = Rows.none();

  public WriteCall(KvStorage storage, RaggedBatch batch) {
    this.storage = storage;
    this.batch = batch;
  }

  /**
   * Says what to write next.
   *
   * @param newKeys {@code [numTokens, numKvHeads * keyHeadDim]}
   * @param newValues {@code [numTokens, numKvHeads * valueHeadDim]}
   */
  public void set(int newLayer, Rows newKeys, Rows newValues) {
    layer = newLayer;
    keys = newKeys;
    values = newValues;
  }

  public KvStorage storage() {
    return storage;
  }

  public RaggedBatch batch() {
    return batch;
  }

  public int layer() {
    return layer;
  }

  public Rows keys() {
    return keys;
  }

  public Rows values() {
    return values;
  }
}
