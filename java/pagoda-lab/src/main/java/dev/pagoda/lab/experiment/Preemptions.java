package dev.pagoda.lab.experiment;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionLoad;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.PrefillSample;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TransferModel;
import dev.pagoda.tier.TransferSample;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Sequences that are swapped out and in, and dropped and computed again, against the clock. */
final class Preemptions {
  private final List<Victim> victims;
  private final List<Timing> timings;

  private Preemptions(List<Victim> victims, List<Timing> timings) {
    this.victims = victims;
    this.timings = timings;
  }

  /** What is left of a victim when its cache is gone. */
  private record Victim(
      int numTokens, int blockSize, PreemptionLoad load, double outNanos, double inNanos) {}

  /**
   * One sequence in a cache of its own.
   *
   * @param numTokens its length
   * @param blockSize tokens per block
   */
  record Case(int numTokens, int blockSize) {}

  /** Times sequences, in turns. */
  static Preemptions compare(List<Case> cases, Turns turns, Conditions conditions) {
    AttentionLayer layer = NotebookLayer.layer(conditions.seed());
    List<Rig> rigs = new ArrayList<>();
    try {
      List<Turns.Trial> trials = new ArrayList<>();
      for (Case each : cases) {
        Rig rig = new Rig(each, layer, conditions);
        rigs.add(rig);
        trials.add(rig::swap);
        trials.add(rig::recompute);
      }
      List<Timing> timings = turns.compare(trials, conditions.progress());
      return new Preemptions(rigs.stream().map(Rig::victim).toList(), timings);
    } finally {
      rigs.forEach(Rig::close);
    }
  }

  /** One cache with one sequence, and host memory to swap it to. */
  private static final class Rig implements AutoCloseable {
    private final PagedRig paged;
    private final SwapSpace space;
    private final AttentionLayer layer;
    private final float[] hidden;
    private final int blockSize;
    private final KvSequence sequence;
    private final PagedBatch batch;
    private final List<Long> outNanos = new ArrayList<>();
    private final List<Long> inNanos = new ArrayList<>();

    Rig(Case each, AttentionLayer layer, Conditions conditions) {
      int numTokens = each.numTokens();
      blockSize = each.blockSize();
      this.layer = layer;
      paged =
          new PagedRig.Plan(conditions.backend(), blockSize, 1, numTokens)
              .shuffled(Workers.caller(), conditions.seed());
      int numBlocks = paged.cache().shape().blocksFor(numTokens);
      space = SwapSpace.open(paged.cache(), Capacity.blocks(numBlocks));
      batch = paged.batch();
      sequence = batch.sequences().getFirst();
      hidden = new float[numTokens * AttentionLayer.NOTEBOOK_HIDDEN_SIZE];
      Random random = new Random(conditions.seed());
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = (float) random.nextGaussian();
      }
      layer.forward(hidden, numTokens, batch);
    }

    void swap() {
      long start = System.nanoTime();
      SwappedGroup group = space.swapOut(List.of(sequence));
      long between = System.nanoTime();
      space.swapIn(group);
      outNanos.add(between - start);
      inNanos.add(System.nanoTime() - between);
    }

    void recompute() {
      DroppedGroup.drop(paged.cache(), List.of(sequence))
          .restore((dropped, from, to) -> layer.forward(hidden, to - from, batch));
    }

    Victim victim() {
      return new Victim(
          sequence.length(),
          blockSize,
          PreemptionLoad.of(paged.cache(), List.of(sequence)),
          median(outNanos),
          median(inNanos));
    }

    /** Of the later half: the first ones were not compiled yet. */
    private static double median(List<Long> nanos) {
      List<Long> later = nanos.subList(nanos.size() / 2, nanos.size());
      double[] numbers = later.stream().mapToDouble(Long::doubleValue).toArray();
      return Turns.median(numbers, numbers.length);
    }

    @Override
    public void close() {
      space.close();
      paged.close();
    }
  }

  /** Fits the library's cost model to what was measured. */
  PreemptionModel fit() {
    List<TransferSample> out = new ArrayList<>();
    List<TransferSample> in = new ArrayList<>();
    List<PrefillSample> prefills = new ArrayList<>();
    for (int i = 0; i < victims.size(); i++) {
      PreemptionLoad load = victims.get(i).load();
      out.add(sample(load, victims.get(i).outNanos()));
      in.add(sample(load, victims.get(i).inNanos()));
      long nanos = Math.round(timings.get(2 * i + 1).wallNanos());
      prefills.add(PrefillSample.ofRun(0, victims.get(i).numTokens(), nanos));
    }
    return new PreemptionModel(
        TransferModel.fit(out), TransferModel.fit(in), PrefillModel.fit(prefills));
  }

  private static TransferSample sample(PreemptionLoad load, double nanos) {
    return new TransferSample(load.bytes(), load.numBlocks(), Math.max(1, Math.round(nanos)));
  }

  List<PreemptionResult.Preempted> results(PreemptionModel model) {
    List<PreemptionResult.Preempted> results = new ArrayList<>();
    for (int i = 0; i < victims.size(); i++) {
      Victim victim = victims.get(i);
      PreemptionCost cost = model.cost(victim.load());
      results.add(
          new PreemptionResult.Preempted(
              victim.numTokens(),
              victim.blockSize(),
              victim.load().numBlocks(),
              victim.load().bytes(),
              timings.get(2 * i),
              timings.get(2 * i + 1),
              cost.swapNanos(),
              cost.recomputeNanos()));
    }
    return results;
  }
}
