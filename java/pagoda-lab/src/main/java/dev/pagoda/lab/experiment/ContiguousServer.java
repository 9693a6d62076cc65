package dev.pagoda.lab.experiment;

import dev.pagoda.lab.attention.ContiguousKvStore;
import dev.pagoda.lab.attention.ReservationPolicy;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Serves from a {@link ContiguousKvStore}, which reserves a region for each job's whole life. */
final class ContiguousServer implements Server {
  private final ContiguousKvStore store;
  private final ReservationPolicy policy;
  private final int totalTokensMax;
  private final List<Running> running = new ArrayList<>();
  private float[] rows = {};

  private record Running(Job job, ContiguousKvStore.Sequence sequence) {}

  ContiguousServer(
      int slots,
      ReservationPolicy policy,
      int totalTokensMax,
      ContiguousKvStore.Placement placement) {
    store = new ContiguousKvStore(LayerShape.of(1, 1, DType.FP32), slots, placement);
    this.policy = policy;
    this.totalTokensMax = totalTokensMax;
  }

  @Override
  public boolean admit(Job job) {
    Optional<ContiguousKvStore.Sequence> sequence =
        store.open(job.request, policy.reservedTokens(job.request, totalTokensMax));
    sequence.ifPresent(opened -> {
      Running admitted = new Running(job, opened);
      running.add(admitted);
      append(admitted);
    });
    return sequence.isPresent();
  }

  @Override
  public void advance(Deque<Job> queue) {
    running.forEach(this::append);
    for (Iterator<Running> all = running.iterator(); all.hasNext(); ) {
      Running each = all.next();
      if (each.sequence().isComplete()) {
        each.sequence().close();
        all.remove();
      }
    }
  }

  private void append(Running each) {
    int numTokens = each.job().nextTokens(each.sequence().length());
    if (rows.length < numTokens) {
      rows = new float[numTokens];
    }
    each.sequence().append(rows, rows, 0, numTokens);
    each.job().length = each.sequence().length();
  }

  @Override
  public Occupancy occupancy() {
    ContiguousKvStore.Usage usage = store.usage();
    return new Occupancy(
        usage.heldTokens(),
        usage.awaitedTokens(),
        usage.wastedTokens(),
        usage.freeTokens(),
        store.numSequences());
  }

  @Override
  public void close() {
    running.forEach(each -> each.sequence().close());
    running.clear();
  }
}
