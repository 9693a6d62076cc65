package dev.pagoda.lab.attention;

import dev.pagoda.AttentionRows;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.util.List;
import java.util.stream.Stream;

/** Sequences in layer 0 of a paged cache, attended over by the cache's backend. */
public final class PagedBatch implements SequenceBatch {
  private final AttentionSpec spec;
  private final Workers workers;
  private final LayerShape shape;
  private final Step step;
  private final List<KvSequence> sequences;

  /**
   * A batch of sequences that there are.
   *
   * @param cache where they are; it stays the caller's
   * @param spec what to compute
   * @param sequences idle sequences of the cache; {@link #close} closes them
   * @param workers threads to use
   */
  public PagedBatch(
      PagedKvCache cache, AttentionSpec spec, List<KvSequence> sequences, Workers workers) {
    this.spec = spec;
    this.workers = workers;
    this.sequences = List.copyOf(sequences);
    shape = cache.shape().layer(0);
    step = cache.newStep();
  }

  /**
   * A batch of empty sequences.
   *
   * @param cache where to open them; it stays the caller's
   * @param spec what to compute
   * @param numSequences how many
   * @param workers threads to use
   * @return the batch, the caller's to close
   */
  public static PagedBatch open(
      PagedKvCache cache, AttentionSpec spec, int numSequences, Workers workers) {
    List<KvSequence> sequences = Stream.generate(cache::newSequence).limit(numSequences).toList();
    return new PagedBatch(cache, spec, sequences, workers);
  }

  @Override
  public int numSequences() {
    return sequences.size();
  }

  /**
   * The sequences, for what a batch does not do.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return sequences;
  }

  @Override
  public void forward(int queryLength, TokenRows rows) {
    for (KvSequence sequence : sequences) {
      step.append(sequence, queryLength);
    }
    step.begin();
    try (step) {
      step.write(0, Rows.of(rows.keys()), Rows.of(rows.values()));
      step.attend(
          0, spec, AttentionRows.of(Rows.of(rows.queries()), Rows.of(rows.output())), workers);
      step.commit();
    }
  }

  @Override
  public void fill(int numTokens, TokenRows rows) {
    int pieceTokens = rows.numTokens(shape);
    for (KvSequence sequence : sequences) {
      for (int filled = 0; filled < numTokens; filled += pieceTokens) {
        step.append(sequence, Math.min(pieceTokens, numTokens - filled)).begin();
        try (step) {
          step.write(0, Rows.of(rows.keys()), Rows.of(rows.values()));
          step.commit();
        }
      }
    }
  }

  @Override
  public void truncate(int length) {
    sequences.forEach(sequence -> sequence.truncate(length));
  }

  @Override
  public void close() {
    sequences.forEach(KvSequence::close);
  }
}
