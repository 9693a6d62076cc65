package dev.pagoda.lab.simulation;

import dev.pagoda.tier.TransferModel;
import java.util.List;
import java.util.stream.Collectors;

/** Machines that are known without measuring. */
final class Machines {
  /** PCIe 4.0 x16, of which copies of pinned memory reach about 25 GB/s. */
  private static final TransferModel PCIE_4 = new TransferModel(25e9, 10_000);

  /** PCIe 5.0 x16. */
  private static final TransferModel PCIE_5 = new TransferModel(50e9, 10_000);

  /** The machine of the published figures. */
  static final Machine A100_OPT_13B =
      new Machine(
          "a100-opt13b",
          2L * 5120 * 40 * 2,
          15_700,
          new LatencyModel(33e6, 0.21e6, 700, 0.17e6, 0),
          List.of(),
          PCIE_4,
          PCIE_4,
          "OPT-13B on one A100 (40 GB), as Kwon et al. set it up: 800 KB per token, 15.7 K token"
              + " slots. Times from data sheets: 26 GB of weights at 80 % of 1,555 GB/s are 21 ms"
              + " per step, keys and values at 75 % of it 0.70 us per context token, 26 GFLOP per"
              + " prompt token at half of 312 TFLOP/s 0.17 ms. What is left, 12 ms per step and"
              + " 0.21 ms per sequence of scheduling, launching and sampling in the software of"
              + " 2023, is not published: it was chosen so that paged memory under Alpaca at 30"
              + " requests per second batches the published 132 requests.");

  /** A machine of today. */
  static final Machine H200_LLAMA_8B =
      new Machine(
          "h200-llama8b",
          2L * 8 * 128 * 32 * 2,
          800_000,
          new LatencyModel(6e6, 0.005e6, 33, 0.032e6, 1.1),
          List.of(),
          PCIE_5,
          PCIE_5,
          "Llama 3.1 8B in BF16 on one H200, from data sheets: 128 KiB per token, 800,000 token"
              + " slots in 105 GB beside the weights. 16 GB of weights at 4.0 TB/s are 4 ms per step,"
              + " 2 ms of launches assumed; keys and values at 4.0 TB/s; prompts at half of 990"
              + " TFLOP/s, 1.1 ns per pair of tokens included. Nothing of it is measured: calibrate for that.");

  private static final List<Machine> ALL = List.of(A100_OPT_13B, H200_LLAMA_8B);

  /** Moves that take no time to speak of. */
  static final TransferModel INSTANT = new TransferModel(1e15, 0);

  private Machines() {}

  static boolean isNamed(String name) {
    return ALL.stream().anyMatch(machine -> machine.name().equals(name));
  }

  static Machine named(String name) {
    return ALL.stream()
        .filter(machine -> machine.name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "machines are "
                    + ALL.stream().map(Machine::name).collect(Collectors.joining(", "))
                    + ", or a file that --calibrate wrote: machine="
                    + name));
  }
}
