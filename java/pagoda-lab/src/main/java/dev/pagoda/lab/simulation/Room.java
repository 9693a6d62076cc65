package dev.pagoda.lab.simulation;

import java.util.List;

/** The memory of a server: who gets how much of it, and when it is full. */
interface Room extends AutoCloseable {
  /** What became of a job that had to make room. */
  enum Eviction {
    /** Its tokens are to be computed again. */
    DROPPED,
    /** Its tokens wait elsewhere. */
    SWAPPED
  }

  /** Why a job can never be served here; empty if it can. */
  String refusal(Job job);

  /**
   * Lets a job begin, if there is room for it.
   *
   * @return tokens of it that are here already, -1 if there is no room now
   */
  int admit(Job job);

  /**
   * Plans the growth of a job that has been admitted.
   *
   * @param tokens how many more of its tokens are computed
   */
  void plan(Job job, int tokens);

  /**
   * Carries the plan out, all or nothing; in both cases the plan is empty afterwards.
   *
   * @return 0, or how many blocks are missing
   */
  int grow();

  /**
   * Chooses who makes room.
   *
   * @param admitted in the order of admission, at least one
   * @param missingBlocks what {@link #grow} returned
   */
  Job victim(List<Job> admitted, int missingBlocks);

  /**
   * Says that the next tokens will be generated: each sample then has a sequence of its own.
   *
   * @param job has just computed its prompt
   */
  void beginGenerating(Job job);

  /**
   * How many tokens to plan for a job that generates and has used up what was planned.
   *
   * @param length tokens in the cache, as many as were planned so far
   * @return at least 1, at most as many as steps are looked ahead
   */
  int ahead(Job job, int length);

  /** Called behind every token of which one was planned alone: beams then replace each other. */
  void afterToken(Job job);

  /** Takes everything away from a job that is done. */
  void release(Job job);

  /** Takes everything away from a job that must make room. */
  Eviction evict(Job job);

  /** Brings a swapped job back, if there is room. */
  boolean bringBack(Job job);

  /** Adds what is in use now, beside the tokens themselves, to sums weighted by time. */
  void measure(Occupancy sums, long liveTokens, double weight);

  /** Time spent on moving tokens since the last call. */
  double takeTransferNanos();

  /** Prompt tokens that were found here, in all. */
  long cachedTokens();

  /** Prompt tokens that were looked for, in all. */
  long cacheableTokens();

  /** Blocks in use, in whatever the room counts. */
  long usedBlocks();

  @Override
  void close();
}
