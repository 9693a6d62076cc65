package dev.pagoda.lab.experiment;

/**
 * What the token slots of a server are used for, at one moment or in the mean over many.
 *
 * @param held slots that hold a token
 * @param awaited slots that will hold one before their sequence ends
 * @param wasted slots that are set aside and never used
 * @param free slots that no sequence has
 * @param numSequences sequences in progress
 */
record Occupancy(double held, double awaited, double wasted, double free, double numSequences) {
  static final Occupancy NOTHING = new Occupancy(0, 0, 0, 0, 0);

  Occupancy plus(Occupancy other) {
    return new Occupancy(
        held + other.held,
        awaited + other.awaited,
        wasted + other.wasted,
        free + other.free,
        numSequences + other.numSequences);
  }

  Occupancy dividedBy(double divisor) {
    return new Occupancy(
        held / divisor,
        awaited / divisor,
        wasted / divisor,
        free / divisor,
        numSequences / divisor);
  }

  double slots() {
    return held + awaited + wasted + free;
  }

  /** Of what is set aside, the part that is never used: the waste over a sequence's life. */
  double wastedShare() {
    return wasted / (held + awaited + wasted);
  }
}
