package dev.pagoda.decoding;

/** A beam continued by a token, and the sum of log probabilities that this gives. */
record BeamCandidate(double logProb, int beam, int token) implements Comparable<BeamCandidate> {
  /** Best first; of equal ones the lower beam's, then the lower token. */
  @Override
  public int compareTo(BeamCandidate other) {
    int byLogProb = Double.compare(other.logProb, logProb);
    if (byLogProb != 0) {
      return byLogProb;
    }
    int byBeam = Integer.compare(beam, other.beam);
    return byBeam != 0 ? byBeam : Integer.compare(token, other.token);
  }
}
