package dev.pagoda.lab.experiment;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How fast decode steps were.
 *
 * @param cells one per batch and context
 * @param variants the same steps on more threads and other backends
 */
record ThroughputResult(List<Cell> cells, List<Variant> variants) {
  /** Copies the lists. */
  ThroughputResult {
    cells = List.copyOf(cells);
    variants = List.copyOf(variants);
  }

  /**
   * Decode steps of one size.
   *
   * @param batch sequences, hence tokens per step
   * @param contextLength tokens that each one attends over
   * @param paged blocks of 16 in random order
   * @param inOrder blocks of 16, neighbours in memory: one run per sequence
   * @param largestBlocks blocks of 256, neighbours in memory
   * @param plain vanilla attention over one array
   */
  record Cell(
      int batch,
      int contextLength,
      Timing paged,
      Timing inOrder,
      Timing largestBlocks,
      Timing plain) {
    /** Speed of the paged steps, where the faster contiguous ones with the same kernel have 1. */
    double pagedSpeed() {
      return Math.min(paged.cpuSpeedOver(inOrder), paged.cpuSpeedOver(largestBlocks));
    }

    /** Speed of the paged steps, where plain loops have 1. */
    double pagedSpeedOverPlain() {
      return paged.cpuSpeedOver(plain);
    }

    /** Bytes of keys and values that a step reads, per second. */
    double pagedBytesPerSecond() {
      return paged.perSecond((double) batch * contextLength * NotebookLayer.TOKEN_BYTES);
    }
  }

  /**
   * The same steps, computed otherwise.
   *
   * @param name backend and threads
   * @param batch sequences
   * @param contextLength tokens
   * @param timing of a step
   */
  record Variant(String name, int batch, int contextLength, Timing timing) {}

  /** Geometric mean of the paged steps' speed against the faster contiguous ones. */
  double meanPagedSpeed() {
    return geometricMean(cells, Cell::pagedSpeed);
  }

  /** Geometric mean of the paged steps' speed against plain loops. */
  double meanPagedSpeedOverPlain() {
    return geometricMean(cells, Cell::pagedSpeedOverPlain);
  }

  /** Geometric mean of the largest blocks' speed against small ones in order, smallest batch. */
  double largestBlocksSpeed() {
    int smallest = cells.getFirst().batch();
    List<Cell> narrow = cells.stream().filter(cell -> cell.batch() == smallest).toList();
    return geometricMean(narrow, cell -> cell.largestBlocks().cpuSpeedOver(cell.inOrder()));
  }

  private static double geometricMean(List<Cell> some, ToDoubleFunction<Cell> speed) {
    return Math.exp(
        some.stream()
            .mapToDouble(cell -> Math.log(speed.applyAsDouble(cell)))
            .average()
            .orElseThrow());
  }
}
