package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.ReferenceLine;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.lab.workload.Workload;
import dev.pagoda.layout.KvShape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The block size experiment as a section of the report. */
final class BlockSizeSection {
  private static final String TOLERANCE = Math.round(100 * BlockSizeResult.SPEED_TOLERANCE) + " %";

  private BlockSizeSection() {}

  static Section of(int number, BlockSizeResult result, Conditions conditions) {
    BlockSizeExperiment.Shape shape = BlockSizeExperiment.Shape.under(conditions);
    BlockSizeResult.Size recommended = result.recommended();
    boolean isDefault = recommended.blockSize() == KvShape.BLOCK_SIZE_DEFAULT;
    return new Section(
        number,
        "block-size",
        "Block size",
        "Which block size wastes least memory without costing speed, and is it "
            + KvShape.BLOCK_SIZE_DEFAULT
            + "?",
        new Verdict(
            isDefault ? Verdict.Outcome.HOLDS : Verdict.Outcome.MIXED,
            Integer.toString(recommended.blockSize()),
            "tokens per block is what this machine asks for: the smallest size that decodes and"
                + " prefills within "
                + TOLERANCE
                + " of the best. "
                + (isDefault
                    ? "That is the default."
                    : "The default is " + KvShape.BLOCK_SIZE_DEFAULT + ".")),
        paragraphs(result, conditions),
        List.of(wasteChart(result), speedChart(result)),
        List.of(table(result)),
        "Waste: slots of blocks in use that hold no token, in the mean over a server under load of "
            + Shown.count(MemoryExperiment.SLOTS)
            + " slots, as in the memory experiment. Speed: one layer of 8 heads of 64 in FP32, "
            + conditions.backend().label()
            + " backend, one thread, shuffled blocks; decode steps of "
            + shape.decodeBatch()
            + " sequences with "
            + Shown.count(shape.decodeContext())
            + " tokens each, prefill of "
            + Shown.count(shape.prefillTokens())
            + " tokens. All block sizes are timed in turns; speeds are medians per second of CPU"
            + " time, which other programs on the machine disturb less than the clock ("
            + busyness(result)
            + "). Copy: `begin()` of a step over forks of half-full blocks, less the same without"
            + " forks, per block of one layer. Differences below "
            + TOLERANCE
            + " count as noise.");
  }

  private static String busyness(BlockSizeResult result) {
    double most =
        result.sizes().stream().mapToDouble(size -> size.decode().busyness()).max().orElseThrow();
    return most < 1.1
        ? "here both agree"
        : "here the clock ran up to " + Shown.percent(most - 1) + " longer";
  }

  private static List<String> paragraphs(BlockSizeResult result, Conditions conditions) {
    BlockSizeResult.Size recommended = result.recommended();
    BlockSizeResult.Size sixteen = result.of(KvShape.BLOCK_SIZE_DEFAULT);
    List<String> paragraphs = new ArrayList<>();
    paragraphs.add(
        "Waste alone always elects the smallest block, so it says nothing about what is a good"
            + " size. The rule here: a block size is as fast as its slower side, decode or prefill,"
            + " each against the fastest size; of all sizes within "
            + TOLERANCE
            + " of the best such speed, take the one that wastes least. The outcome is "
            + recommended.blockSize()
            + ".");
    paragraphs.add(
        "Blocks of "
            + sixteen.blockSize()
            + " decode at "
            + Shown.percent(result.decodeSpeed(sixteen))
            + " and prefill at "
            + Shown.percent(result.prefillSpeed(sixteen))
            + " of the best speed, waste "
            + wastes(sixteen)
            + ", and cost "
            + Shown.time(sixteen.copyNanos())
            + " per copied block and layer.");
    if (recommended.blockSize() != sixteen.blockSize()) {
      paragraphs.add(
          "Blocks of "
              + recommended.blockSize()
              + " would waste "
              + wastes(recommended)
              + ", and cost "
              + Shown.time(recommended.copyNanos())
              + " per copied block and layer. Whether that is worth it depends on how long"
              + " sequences are: the longer, the larger a block may be. A GPU has its own answer.");
    }
    if (conditions.backend() == Backend.VECTOR) {
      paragraphs.add(
          "Tokens are the lanes of a vector here, so blocks that are shorter than one cannot be"
              + " read with whole vectors: that is what slows down the smallest sizes.");
    }
    paragraphs.add(
        "Large blocks pay with memory: a last block is half empty in the mean, whatever its size.");
    return paragraphs;
  }

  private static String wastes(BlockSizeResult.Size size) {
    List<String> wastes = new ArrayList<>();
    for (int i = 0; i < size.wasted().size(); i++) {
      wastes.add(
          Shown.percent(size.wasted().get(i))
              + " of the memory on "
              + BlockSizeExperiment.WORKLOADS.get(i).name()
              + " lengths");
    }
    return String.join(", ", wastes);
  }

  private static Chart wasteChart(BlockSizeResult result) {
    List<Series> lines = new ArrayList<>();
    for (int i = 0; i < BlockSizeExperiment.WORKLOADS.size(); i++) {
      int workload = i;
      lines.add(
          line(
              BlockSizeExperiment.WORKLOADS.get(i).name() + " lengths",
              result,
              size -> 100 * size.wasted().get(workload)));
    }
    return new LineChart(
        "block-size-waste",
        "Memory that blocks in use waste",
        Axis.log2("block size", "tokens"),
        Axis.linear("wasted", "%"),
        lines,
        List.of());
  }

  private static Chart speedChart(BlockSizeResult result) {
    return new LineChart(
        "block-size-speed",
        "Speed against the fastest block size",
        Axis.log2("block size", "tokens"),
        Axis.linear("speed", "% of best"),
        List.of(
            line("decode", result, size -> 100 * result.decodeSpeed(size)),
            line("prefill", result, size -> 100 * result.prefillSpeed(size))),
        List.of(new ReferenceLine("fast enough", 100 * result.fastEnough())));
  }

  private static Series line(
      String name, BlockSizeResult result, ToDoubleFunction<BlockSizeResult.Size> value) {
    return new Series(
        name,
        result.sizes().stream()
            .map(size -> new Point(size.blockSize(), value.applyAsDouble(size)))
            .toList());
  }

  private static Table table(BlockSizeResult result) {
    List<Column> columns = new ArrayList<>();
    columns.add(Column.numbers("block size", "tokens"));
    for (Workload workload : BlockSizeExperiment.WORKLOADS) {
      columns.add(Column.numbers("wasted, " + workload.name(), "%"));
    }
    columns.add(Column.numbers("decode", "tokens/CPU s"));
    columns.add(Column.numbers("of best", "%"));
    columns.add(Column.numbers("prefill", "tokens/CPU s"));
    columns.add(Column.numbers("of best", "%"));
    columns.add(Column.numbers("copy-on-write", "µs/block"));
    columns.add(Column.words("fast enough"));
    int recommended = result.recommended().blockSize();
    return new Table(
        "block-size-table",
        "Waste, speed and copies by block size",
        columns,
        result.sizes().stream()
            .map(size -> new Row(cells(result, size), size.blockSize() == recommended))
            .toList());
  }

  private static List<Cell> cells(BlockSizeResult result, BlockSizeResult.Size size) {
    List<Cell> cells = new ArrayList<>();
    cells.add(Cell.count(size.blockSize()));
    size.wasted().forEach(wasted -> cells.add(Cell.fixed(100 * wasted, 1)));
    cells.add(Cell.significant(size.decodePerCpuSecond(), 3));
    cells.add(Cell.fixed(100 * result.decodeSpeed(size), 0));
    cells.add(Cell.significant(size.prefillPerCpuSecond(), 3));
    cells.add(Cell.fixed(100 * result.prefillSpeed(size), 0));
    cells.add(
        size.blockSize() == 1
            ? Cell.missing("blocks of one token are never partly filled")
            : Cell.significant(size.copyNanos() / 1e3, 2));
    cells.add(Cell.words(result.isFastEnough(size) ? "yes" : "no"));
    return cells;
  }
}
