package dev.pagoda.internal.kernel;

import dev.pagoda.HistoricalBug;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.testing.AttentionChecks;
import java.util.List;
import java.util.function.Supplier;

/** Bugs of attention kernels that other systems had. */
public final class KernelBugs {
  private KernelBugs() {}

  public static List<HistoricalBug> all() {
    return List.of(
        poison(
            "vllm#936, flash-attention#1745",
            "https://github.com/vllm-project/vllm/pull/936",
            "hidden values are multiplied by a weight of zero, and NaN times zero is NaN",
            PlantedBugTest.MultipliesWhatIsHidden::new),
        poison(
            "vllm flash-attention#42",
            "https://github.com/vllm-project/flash-attention/pull/42",
            "the last tile reads past the end of the sequence",
            () -> new PlantedBugTest.ReadsFurther(1)));
  }

  private static HistoricalBug poison(
      String where, String url, String what, Supplier<Kernels> bug) {
    return new HistoricalBug(
        where,
        url,
        what,
        "no output bit depends on what a row does not see",
        "ScalarReproducibilityTest.whatUnownedSlotsHoldDoesNotMatter",
        "unowned slots hold NaN",
        () -> AttentionChecks.ignoresUnownedSlots(new ScalarKernels(), PlantedBugTest.shape()),
        () -> AttentionChecks.ignoresUnownedSlots(bug.get(), PlantedBugTest.shape()));
  }
}
