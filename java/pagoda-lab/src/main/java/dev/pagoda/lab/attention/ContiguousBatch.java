package dev.pagoda.lab.attention;

import dev.pagoda.lab.workload.Request;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import java.util.ArrayList;
import java.util.List;

/** Sequences of one length in a contiguous store, attended over by vanilla attention. */
public final class ContiguousBatch implements SequenceBatch {
  private final VanillaAttention attention;
  private final LayerShape shape;
  private final List<ContiguousKvStore.Sequence> sequences = new ArrayList<>();

  /**
   * Reserves a region per sequence.
   *
   * @param store where
   * @param spec what to compute
   * @param numSequences how many
   * @param capacityTokens longest context of each
   */
  public ContiguousBatch(
      ContiguousKvStore store, AttentionSpec spec, int numSequences, int capacityTokens) {
    shape = store.shape();
    attention = new VanillaAttention(spec, shape);
    Request request = new Request(capacityTokens - 1, 1);
    for (int i = 0; i < numSequences; i++) {
      sequences.add(
          store
              .open(request, capacityTokens)
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      "the store is too small: numSequences="
                          + numSequences
                          + ", capacityTokens="
                          + capacityTokens)));
    }
  }

  @Override
  public int numSequences() {
    return sequences.size();
  }

  @Override
  public void forward(int queryLength, TokenRows rows) {
    int firstRow = 0;
    for (ContiguousKvStore.Sequence sequence : sequences) {
      sequence.append(rows.keys(), rows.values(), firstRow, queryLength);
      attention.attend(
          sequence.kv(), new QueryRows(rows.queries(), rows.output(), firstRow, queryLength));
      firstRow += queryLength;
    }
  }

  @Override
  public void fill(int numTokens, TokenRows rows) {
    int pieceTokens = rows.numTokens(shape);
    for (ContiguousKvStore.Sequence sequence : sequences) {
      for (int filled = 0; filled < numTokens; filled += pieceTokens) {
        int count = Math.min(pieceTokens, numTokens - filled);
        sequence.append(rows.keys(), rows.values(), 0, count);
      }
    }
  }

  @Override
  public void truncate(int length) {
    sequences.forEach(sequence -> sequence.truncate(length));
  }

  @Override
  public void close() {
    sequences.forEach(ContiguousKvStore.Sequence::close);
    sequences.clear();
  }
}
