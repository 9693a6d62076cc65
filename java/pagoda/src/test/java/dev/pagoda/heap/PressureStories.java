package dev.pagoda.heap;

import static dev.pagoda.decoding.ReadableCache.ascending;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.BlockReservation;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.PreemptibleGroup;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TokenFeeder;
import dev.pagoda.tier.TransferModel;
import java.util.Arrays;
import java.util.List;

/** How groups of sequences make room, and come back. */
final class PressureStories {
  private PressureStories() {}

  private static KvSequence fork(HeapTrial t, KvSequence parent) {
    return t.known(t.obtain(() -> parent.fork()));
  }

  /** A prompt, a fork with a tail of its own, and somebody who shares and stays. */
  static List<KvSequence> family(HeapTrial t) {
    KvSequence one = t.open(1, 2, 3, 4, 5, 6);
    KvSequence two = fork(t, one);
    fork(t, one);
    t.append(two, 7, 8, 9);
    return List.of(one, two);
  }

  static void swap(HeapTrial t) {
    List<KvSequence> group = family(t);
    SwapSpace space = t.obtain(() -> SwapSpace.open(t.cache, Capacity.blocks(8)));
    t.audit(space::checkConservation);
    t.atEnd(space::close);
    t.watch("host slots", () -> space.statistics().slots().numUsed());
    BlockReservation room = t.cache.reserve(2);
    group.get(0).drawFrom(room);
    SwappedGroup whole = t.obtain(() -> space.swapOut(group));
    t.attempt(() -> space.swapIn(whole));
    room.close();
    SwappedGroup tail = t.obtain(() -> space.swapOutTail(group, 1));
    SwappedGroup more = t.obtain(() -> space.swapOutMore(tail, 0));
    t.attempt(() -> space.swapIn(more));
    t.append(group.get(1), 10);
    SwappedGroup lost = t.obtain(() -> space.swapOut(group));
    group.forEach(KvSequence::close);
    t.attempt(() -> space.discard(lost));
  }

  private static TokenFeeder feeder(HeapTrial t, List<KvSequence> group, int[]... ids) {
    return (sequence, from, to) -> {
      HeapFaults.disarm();
      t.memory.append(sequence, Arrays.copyOfRange(ids[group.indexOf(sequence)], from, to));
      HeapFaults.arm();
    };
  }

  static void recompute(HeapTrial t) {
    List<KvSequence> group = family(t);
    TokenFeeder feeder = feeder(t, group, ascending(6), ascending(9));
    DroppedGroup whole = t.obtain(() -> DroppedGroup.drop(t.cache, group));
    t.attempt(() -> whole.restore(feeder));
    DroppedGroup tail = t.obtain(() -> DroppedGroup.dropTail(t.cache, group, 1));
    t.attempt(() -> tail.dropMore(0));
    t.attempt(() -> tail.restore(feeder));
    t.append(group.get(1), 10);
    SwapSpace space = SwapSpace.open(t.cache, Capacity.blocks(8));
    t.atEnd(space::close);
    t.audit(space::checkConservation);
    SwappedGroup swapped = space.swapOut(group);
    DroppedGroup dropped = t.obtain(() -> space.drop(swapped));
    t.attempt(dropped::reopen);
    t.memory.append(group.get(0), ascending(6));
    t.append(group.get(0), 7);
  }

  static void press(HeapTrial t) {
    List<KvSequence> group = family(t);
    KvSequence late = t.open(21, 22, 23, 24, 25);
    SwapSpace space = SwapSpace.open(t.cache, Capacity.blocks(8));
    t.atEnd(space::close);
    t.audit(space::checkConservation);
    for (boolean swaps : new boolean[] {true, false}) {
      TransferModel transfer = new TransferModel(swaps ? 1e15 : 1e-3, 0);
      PreemptionModel model = new PreemptionModel(transfer, transfer, new PrefillModel(1e3, 0, 0));
      LatestFirst policy = new LatestFirst(model, LatestFirst.Extent.WHOLE);
      Preemptor preemptor = new Preemptor(t.cache, policy, space);
      PreemptibleGroup first = t.obtain(() -> preemptor.enter(() -> group));
      PreemptibleGroup second = t.obtain(() -> preemptor.enter(late));
      int missing = t.cache.statistics().blocks().numAvailable() + 3;
      t.attempt(() -> preemptor.makeRoom(missing, List.of()));
      assertThat(preemptor.numWaiting()).isEqualTo(2);
      List<KvSequence> all = List.of(group.get(0), group.get(1), late);
      TokenFeeder feeder =
          feeder(t, all, ascending(6), ascending(9), new int[] {21, 22, 23, 24, 25});
      assertThat(t.obtain(() -> preemptor.restoreNext(feeder, 0))).contains(first);
      assertThat(t.obtain(() -> preemptor.restoreNext(feeder, 0))).contains(second);
      t.attempt(() -> preemptor.leave(first));
      t.attempt(() -> preemptor.leave(second));
    }
    t.append(late, 26);
  }
}
