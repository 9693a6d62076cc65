package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.lab.report.Section;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionLoad;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.TransferModel;
import java.util.ArrayList;
import java.util.List;

/** Whether a sequence that must make room is better moved to host memory or computed again. */
final class PreemptionExperiment implements Experiment {
  static final int BLOCK_SIZE = 16;

  // A card that nobody has put into this machine: the notebook's numbers, and a cost per transfer.
  static final double DEVICE_BYTES_PER_SECOND = 25e9;
  static final double DEVICE_NANOS_PER_TRANSFER = 10_000;
  static final double DEVICE_TOKENS_PER_SECOND = 10_000;
  static final int DEVICE_LAYERS = 40;
  static final long DEVICE_TOKEN_BYTES = 2L * 5120 * DEVICE_LAYERS * 2; // OPT-13B in FP16
  static final int DEVICE_TOKENS = 1024;

  private static final int[] BLOCK_SIZES = {1, 8, 16, 64, 256};

  @Override
  public String title() {
    return "Swap or recompute";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 3 : 15;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return PreemptionSection.of(number, measure(conditions), conditions);
  }

  static PreemptionResult measure(Conditions conditions) {
    int[] lengths = lengths(conditions);
    int length = lengths[2];
    List<Preemptions.Case> cases = new ArrayList<>();
    for (int numTokens : lengths) {
      cases.add(new Preemptions.Case(numTokens, BLOCK_SIZE));
    }
    for (int blockSize : BLOCK_SIZES) {
      cases.add(new Preemptions.Case(length, blockSize));
    }
    Turns turns = new Turns(conditions.either(2, 3), conditions.either(10, 40) * 1_000_000L);
    Preemptions preemptions = Preemptions.compare(cases, turns, conditions);
    PreemptionModel fitted = preemptions.fit();
    List<PreemptionResult.Preempted> results = preemptions.results(fitted);
    return new PreemptionResult(
        results.subList(0, lengths.length),
        results.subList(lengths.length, results.size()),
        fitted,
        model());
  }

  private static int[] lengths(Conditions conditions) {
    if (conditions.backend() == Backend.SCALAR) {
      return new int[] {16, 64, 256};
    }
    return conditions.quick() ? new int[] {16, 64, 256, 512} : new int[] {16, 64, 256, 1024, 4096};
  }

  static List<PreemptionResult.Modelled> model() {
    TransferModel transfer = new TransferModel(DEVICE_BYTES_PER_SECOND, DEVICE_NANOS_PER_TRANSFER);
    PreemptionModel device =
        new PreemptionModel(transfer, transfer, new PrefillModel(DEVICE_TOKENS_PER_SECOND, 0, 0));
    List<PreemptionResult.Modelled> modelled = new ArrayList<>();
    for (int blockSize = 1; blockSize <= 256; blockSize *= 2) {
      int numBlocks = Math.ceilDiv(DEVICE_TOKENS, blockSize);
      PreemptionCost whole = device.cost(load(numBlocks));
      PreemptionCost byLayer = device.cost(load(numBlocks * 2 * DEVICE_LAYERS));
      modelled.add(
          new PreemptionResult.Modelled(
              blockSize, whole.swapNanos(), byLayer.swapNanos(), whole.recomputeNanos()));
    }
    return modelled;
  }

  private static PreemptionLoad load(int numPieces) {
    return new PreemptionLoad(numPieces, DEVICE_TOKENS * DEVICE_TOKEN_BYTES, DEVICE_TOKENS, 1, 0);
  }
}
