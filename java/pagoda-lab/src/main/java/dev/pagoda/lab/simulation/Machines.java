package dev.pagoda.lab.simulation;

import dev.pagoda.tier.TransferModel;

/** Machines that are known without measuring. */
final class Machines {
  private static final TransferModel PCIE_4 = new TransferModel(25e9, 10_000);

  /** The machine of the published figures. */
  static final Machine A100_OPT_13B =
      new Machine(
          "OPT-13B on one A100 (40 GB)",
          2L * 5120 * 40 * 2,
          15_700,
          new LatencyModel(33e6, 0.15e6, 700, 0.17e6, 0),
          PCIE_4,
          PCIE_4,
          "");

  private Machines() {}
}
