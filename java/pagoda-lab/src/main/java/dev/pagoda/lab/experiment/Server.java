package dev.pagoda.lab.experiment;

import dev.pagoda.lab.workload.Request;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * Room for sequences that grow by one token per step: what serving a model does to its cache,
 * without the model.
 */
interface Server extends AutoCloseable {
  /** A request on its way. */
  final class Job {
    final Request request;

    /** Tokens that it had when it was admitted or last took part in a step. */
    int length;

    Job(Request request) {
      this.request = request;
    }

    /** Tokens to append next: the prompt, or what was lost to preemption, or one more. */
    int nextTokens(int presentLength) {
      return presentLength > 0 ? 1 : Math.max(request.promptTokens(), length);
    }
  }

  /** Takes a job in, if there is room for it to begin. */
  boolean admit(Job job);

  /**
   * One step: every job gets its next tokens; those that are complete leave.
   *
   * @param queue takes the jobs that must leave for want of room, foremost
   */
  void advance(Deque<Job> queue);

  /** What the slots are used for now. */
  Occupancy occupancy();

  @Override
  void close();

  /** Steps before counting begins, so that the jobs are of every age. */
  int STEPS_TO_MIX = 600;

  /**
   * Serves requests, first come first served, as many at once as there is room for.
   *
   * @param server empty
   * @param requests all waiting from the start
   * @return the mean over all steps from the moment jobs are well mixed until none is waiting
   */
  static Occupancy meanUnderLoad(Server server, List<Request> requests) {
    Deque<Job> queue = new ArrayDeque<>();
    requests.forEach(request -> queue.add(new Job(request)));
    Occupancy sum = Occupancy.NOTHING;
    int numCounted = 0;
    for (int step = 0; ; step++) {
      while (!queue.isEmpty() && server.admit(queue.getFirst())) {
        queue.removeFirst();
      }
      if (queue.isEmpty()) {
        break;
      }
      server.advance(queue);
      if (step >= STEPS_TO_MIX) {
        sum = sum.plus(server.occupancy());
        numCounted++;
      }
    }
    if (numCounted == 0) {
      throw new IllegalArgumentException(
          "too few requests to fill the server: numRequests=" + requests.size());
    }
    return sum.dividedBy(numCounted);
  }
}
