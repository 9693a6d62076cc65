package dev.pagoda.lab.experiment;

import dev.pagoda.KvSequence;
import dev.pagoda.lab.attention.ContiguousKvStore;
import dev.pagoda.lab.attention.ReservationPolicy;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.workload.Request;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.List;

/**
 * How much of the memory that is set aside for keys and values holds keys and values: paged, and
 * contiguous under three ways to reserve.
 */
final class MemoryExperiment implements Experiment {
  /** Slots of OPT-13B's cache on a card of 40 GB, as published. */
  static final int SLOTS = 15_700;

  static final int BLOCK_SIZE = 16;

  // Shares in percent: token states, reserved, internal, external; then requests at once.
  private static final Occupancy PUBLISHED_MAXIMUM = new Occupancy(20.4, 13.3, 57.3, 8.9, 7.00);
  private static final Occupancy PUBLISHED_POWER = new Occupancy(26.8, 17.9, 13.6, 41.6, 9.81);
  private static final Occupancy PUBLISHED_EXACT = new Occupancy(38.2, 25.2, 0, 36.6, 13.62);
  private static final Occupancy PUBLISHED_PAGED = new Occupancy(96.3, 0, 0, 3.7, 30.42);

  @Override
  public String title() {
    return "Memory";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 1 : 3;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return MemorySection.of(number, measure(conditions), conditions);
  }

  static MemoryResult measure(Conditions conditions) {
    List<Request> requests =
        Workload.SHARE_GPT.requests(conditions.either(1500, 6000), conditions.seed());
    List<MemoryResult.Served> served = new ArrayList<>();
    served.add(
        contiguous(
            requests,
            ReservationPolicy.MAXIMUM_LENGTH,
            ContiguousKvStore.Placement.BUDDY,
            PUBLISHED_MAXIMUM));
    served.add(
        contiguous(
            requests,
            ReservationPolicy.POWER_OF_TWO,
            ContiguousKvStore.Placement.BUDDY,
            PUBLISHED_POWER));
    served.add(
        contiguous(
            requests,
            ReservationPolicy.EXACT_LENGTH,
            ContiguousKvStore.Placement.BUDDY,
            PUBLISHED_EXACT));
    served.add(
        contiguous(
            requests,
            ReservationPolicy.EXACT_LENGTH,
            ContiguousKvStore.Placement.FIRST_FIT,
            Occupancy.NOTHING));
    conditions.progress().accept(0.3);
    try (Server server = new PagedServer(SLOTS, BLOCK_SIZE)) {
      served.add(
          new MemoryResult.Served(
              "paged, block size " + BLOCK_SIZE,
              Server.meanUnderLoad(server, requests),
              PUBLISHED_PAGED));
    }
    conditions.progress().accept(0.8);
    int count = conditions.either(200, 1000);
    return new MemoryResult(
        served,
        List.of(
            kept(Workload.NOTEBOOK, count, conditions.seed()),
            kept(Workload.ALPACA, count, conditions.seed()),
            kept(Workload.SHARE_GPT, count, conditions.seed())),
        count);
  }

  private static MemoryResult.Served contiguous(
      List<Request> requests,
      ReservationPolicy policy,
      ContiguousKvStore.Placement placement,
      Occupancy published) {
    String system =
        switch (placement) {
          case BUDDY -> policy.label() + ", buddy regions";
          case FIRST_FIT -> policy.label() + ", first fit";
        };
    try (Server server =
        new ContiguousServer(SLOTS, policy, Workload.PUBLISHED_TOKENS_MAX, placement)) {
      return new MemoryResult.Served(system, Server.meanUnderLoad(server, requests), published);
    }
  }

  /** Grows sequences to their full length, prompt first, then token by token, and counts blocks. */
  private static MemoryResult.Kept kept(Workload workload, int count, long seed) {
    List<Request> requests = workload.requests(count, seed);
    long tokens = requests.stream().mapToLong(Request::totalTokens).sum();
    int numBlocks =
        requests.stream().mapToInt(r -> Math.ceilDiv(r.totalTokens(), BLOCK_SIZE)).sum();
    try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE)) {
      List<KvSequence> sequences =
          requests.stream().map(request -> narrow.prompt(request.promptTokens())).toList();
      int longest = requests.stream().mapToInt(Request::outputTokens).max().orElseThrow();
      for (int output = 0; output < longest; output++) {
        for (int i = 0; i < count; i++) {
          if (output < requests.get(i).outputTokens()) {
            narrow.step().append(sequences.get(i), 1);
          }
        }
        narrow.commit();
      }
      long pagedSlots = (long) narrow.cache().statistics().blocks().numUsed() * BLOCK_SIZE;
      return new MemoryResult.Kept(
          workload.name(),
          tokens,
          pagedSlots,
          reserved(requests, ReservationPolicy.POWER_OF_TWO, workload.totalTokensMax()),
          reserved(requests, ReservationPolicy.MAXIMUM_LENGTH, workload.totalTokensMax()));
    }
  }

  private static long reserved(
      List<Request> requests, ReservationPolicy policy, int totalTokensMax) {
    return requests.stream().mapToLong(r -> policy.reservedTokens(r, totalTokensMax)).sum();
  }
}
