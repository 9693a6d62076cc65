package dev.pagoda.lab.experiment;

import dev.pagoda.lab.attention.SequenceBatch;
import dev.pagoda.lab.attention.TokenRows;

/**
 * Decode steps, one per call: every sequence of a batch gets a token and attends over its context.
 * After {@value #SPARE_TOKENS} of them the sequences are cut back, so contexts stay as long as they
 * are said to be.
 */
final class DecodeSteps implements Turns.Trial {
  /** Tokens by which contexts grow before they are cut back. */
  static final int SPARE_TOKENS = 64;

  private final SequenceBatch batch;
  private final int contextLength;
  private final TokenRows rows;
  private int numSteps;

  DecodeSteps(SequenceBatch batch, int contextLength, long seed) {
    this.batch = batch;
    this.contextLength = contextLength;
    rows =
        TokenRows.random(batch.numSequences(), NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, seed);
  }

  @Override
  public void call() {
    if (numSteps == SPARE_TOKENS) {
      cutBack();
    }
    batch.forward(1, rows);
    numSteps++;
  }

  /** Leaves the sequences as they were. */
  void cutBack() {
    batch.truncate(contextLength);
    numSteps = 0;
  }
}
