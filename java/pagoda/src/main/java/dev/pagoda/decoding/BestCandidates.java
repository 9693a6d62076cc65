package dev.pagoda.decoding;

import java.util.Collections;
import java.util.List;
import java.util.PriorityQueue;

/** The best few of many candidates. Most are turned away by one comparison and cost no object. */
final class BestCandidates {
  private final int capacity;
  private final PriorityQueue<BeamCandidate> worstFirst =
      new PriorityQueue<>(Collections.reverseOrder());

  BestCandidates(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Candidates come in ascending order of beam and token, so that equal ones lose to earlier ones.
   */
  void offer(double logProb, int beam, int token) {
    if (worstFirst.size() < capacity) {
      worstFirst.add(new BeamCandidate(logProb, beam, token));
    } else if (logProb > worstFirst.element().logProb()) {
      worstFirst.remove();
      worstFirst.add(new BeamCandidate(logProb, beam, token));
    }
  }

  /** Best first. */
  List<BeamCandidate> ranked() {
    return worstFirst.stream().sorted().toList();
  }
}
