package dev.pagoda.lab.simulation;

/** Sums of what slots were used for, weighted by time. */
final class Occupancy {
  double weight;
  double live;
  double reserved;
  double internal;
  double external;
  double jobs;
  double waiting;
  double usedBlocks;
  double referencedBlocks;

  private double share(double slots) {
    return slots / (live + reserved + internal + external);
  }

  /** Share of the slots that hold a token. */
  double liveShare() {
    return share(live);
  }

  /** Share set aside for tokens that will come. */
  double reservedShare() {
    return share(reserved);
  }

  /** Share set aside for tokens that never come. */
  double internalShare() {
    return share(internal);
  }

  /** Share that nobody has, or that an allocator's rounding takes. */
  double externalShare() {
    return share(external);
  }

  /** Mean number of requests served at a time. */
  double meanJobs() {
    return jobs / weight;
  }

  double meanWaiting() {
    return waiting / weight;
  }

  /** Share of blocks saved by sharing: against one block per reference. */
  double savedBySharing() {
    return referencedBlocks == 0 ? 0 : 1 - usedBlocks / referencedBlocks;
  }
}
