package dev.pagoda.lab.report;

import java.util.ArrayList;
import java.util.List;

/** A report with every kind of chart and cell, of the size and tone of a real one. */
final class SampleReport {
  private SampleReport() {}

  static Report report() {
    return new Report(
        "What paging buys, and what it costs",
        "Seven experiments on the real library, on this machine. Each says what it claims, what it"
            + " measured, and where the claim fails.",
        List.of(
            new Fact("Backend", "vector, 256-bit lanes; not cuda: no NVIDIA driver"),
            new Fact("Machine", "Some Processor 8 Cores @ 2.70GHz, 2 logical CPUs for this JVM"),
            new Fact("Memory", "7.8 GiB, 2.0 GiB heap at most"),
            new Fact("JDK", "OpenJDK 64-Bit Server VM 25.0.1+8-LTS"),
            new Fact("JVM options", "--add-modules=jdk.incubator.vector -XX:+UseParallelGC"),
            new Fact("Date", "2026-11-22 20:14 Z"),
            new Fact("Seed", "1"),
            new Fact("Command", "pagoda report --quick --seed 1 --out 'my report'")),
        List.of(correctness(), memory(), beams(), blockSizes()));
  }

  private static Section correctness() {
    List<Point> fp32 = new ArrayList<>();
    List<Point> bf16 = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      fp32.add(new Point(16 << i, 1.1e-7 * Math.sqrt(1 + i) * (i % 2 == 0 ? 1.2 : 0.9)));
      bf16.add(new Point(16 << i, i == 3 ? 0 : 2.1e-3 / Math.sqrt(1 + i)));
    }
    return new Section(
        1,
        "correctness",
        "Paged attention is attention",
        "Does paging change the answer, against plain contiguous attention with the same"
            + " projections?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            "1.2e-7",
            "The largest difference in FP32 is below the bound of 4.8e-7 that rounding allows."),
        List.of(
            "The same queries, keys and values go through `VanillaAttention`, which keeps them in"
                + " one piece, and through the cache, which scatters them over shuffled blocks.",
            "BF16 storage rounds the inputs; the difference shrinks with the context because"
                + " rounding errors average out."),
        List.of(
            new LineChart(
                "error-by-context",
                "Largest difference to contiguous attention",
                Axis.log2("context", "tokens"),
                Axis.log10("difference", "absolute"),
                List.of(new Series("FP32", fp32), new Series("BF16", bf16)),
                List.of(new ReferenceLine("FP32 bound", 4.8e-7)))),
        List.of(
            new Table(
                "error-table",
                "Differences by shape",
                List.of(
                    Column.words("heads"),
                    Column.numbers("head dim"),
                    Column.numbers("FP32", "absolute"),
                    Column.numbers("BF16", "absolute")),
                List.of(
                    row("32 / 32", 128, 1.21e-7, 2.0e-3),
                    row("32 / 8", 128, 1.18e-7, 1.9e-3),
                    row("32 / 1", 80, 0.97e-7, 2.1e-3)))),
        "Nine context lengths, three head layouts, block size 16, seed 1. The reference sums in"
            + " FP64. One run: the CPU backends give the same bits every time.");
  }

  private static Row row(String heads, int headDim, double fp32, double bf16) {
    return Row.of(
        Cell.words(heads),
        Cell.count(headDim),
        Cell.significant(fp32, 3),
        Cell.significant(bf16, 2));
  }

  private static Section memory() {
    return new Section(
        2,
        "memory",
        "Memory under load",
        "How much of the KV memory holds tokens, paged and in three contiguous layouts?",
        new Verdict(
            Verdict.Outcome.MIXED,
            "96.8 %",
            "Of paged memory, so much holds tokens; against reserving the maximum it saves 79 %,"
                + " against an exact-length allocation paging loses 3.2 %."),
        List.of(
            "An allocator that knew every length in advance would waste nothing, and paging cannot"
                + " beat it. No server knows the lengths in advance."),
        List.of(
            new BarChart(
                "memory-shares",
                "Where the KV memory goes",
                "layout",
                List.of("exact length", "paged, block 16", "power of two", "maximum length"),
                Axis.linear("share of KV memory", "%"),
                List.of(
                    BarSeries.of("tokens", 100, 96.8, 26.9, 20.4),
                    BarSeries.of("reserved", 0, 0, 17.9, 13.3),
                    BarSeries.of("internal waste", 0, 3.2, 13.6, 57.3),
                    BarSeries.of("external waste", 0, 0, 41.6, 9)),
                BarChart.Arrangement.STACKED,
                List.of(new ReferenceLine("published for paging", 96.3)))),
        List.of(
            new Table(
                "memory-table",
                "Sequences that fit",
                List.of(
                    Column.words("layout"),
                    Column.numbers("sequences"),
                    Column.numbers("bytes", "MiB"),
                    Column.numbers("tokens", "%"),
                    Column.numbers("reserved", "%"),
                    Column.numbers("internal", "%"),
                    Column.numbers("external", "%")),
                List.of(
                    memoryRow("exact length", 38, 100, 0, 0, 0, false),
                    memoryRow("paged, block 16", 36, 96.8, 0, 3.2, 0, true),
                    memoryRow("power of two", 9, 26.9, 17.9, 13.6, 41.6, false),
                    memoryRow("maximum length", 7, 20.4, 13.3, 57.3, 9, false)))),
        "A saturated first-come-first-served run over 15,700 slots, lengths from the fitted"
            + " workload, 4,096 steps. Counts, not times: the seed reproduces them exactly.");
  }

  private static Row memoryRow(
      String layout,
      int sequences,
      double tokens,
      double reserved,
      double internal,
      double external,
      boolean highlighted) {
    return new Row(
        List.of(
            Cell.words(layout),
            Cell.count(sequences),
            Cell.fixed(12288.25, 1),
            Cell.fixed(tokens, 1),
            Cell.fixed(reserved, 1),
            Cell.fixed(internal, 1),
            Cell.fixed(external, 1)),
        highlighted);
  }

  private static Section beams() {
    return new Section(
        3,
        "beams",
        "Beam search with copy-on-write",
        "How many blocks does a beam search hold, shared and unshared?",
        new Verdict(
            Verdict.Outcome.HOLDS,
            "7 / 11 / 15 / 19",
            "Widths 2, 4, 6 and 8 hold as many blocks as counting by hand gives."),
        List.of("A prompt of 50 tokens and 20 new ones; the first divergence copies one block."),
        List.of(
            new BarChart(
                "beam-blocks",
                "Blocks held at the end",
                "beam width",
                List.of("2", "4", "6", "8"),
                Axis.linear("blocks", ""),
                List.of(
                    BarSeries.of("shared", 7, 11, 15, 19),
                    BarSeries.of("unshared", 10, 20, 30, 40),
                    BarSeries.of("on the GPU", Double.NaN, Double.NaN, Double.NaN, Double.NaN)),
                BarChart.Arrangement.GROUPED,
                List.of())),
        List.of(
            new Table(
                "beam-table",
                "Blocks and copies",
                List.of(
                    Column.numbers("width"),
                    Column.numbers("shared", "blocks"),
                    Column.numbers("unshared", "blocks"),
                    Column.numbers("saved", "%"),
                    Column.numbers("copies")),
                List.of(
                    beamRow(2, 7, 10),
                    beamRow(4, 11, 20),
                    beamRow(6, 15, 30),
                    beamRow(8, 19, 40)))),
        "Counted from the pool's statistics after the last step.");
  }

  private static Row beamRow(int width, int shared, int unshared) {
    return Row.of(
        Cell.count(width),
        Cell.count(shared),
        Cell.count(unshared),
        Cell.fixed(100.0 * (unshared - shared) / unshared, 1),
        width == 8 ? Cell.missing("not counted") : Cell.count(width - 1));
  }

  private static Section blockSizes() {
    List<Point> waste = new ArrayList<>();
    List<Point> speed = new ArrayList<>();
    List<Point> copy = new ArrayList<>();
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      int blockSize = 1 << i;
      waste.add(new Point(blockSize, 50 * blockSize / (blockSize + 250.0)));
      speed.add(new Point(blockSize, 100 - 38.0 / (1 + i)));
      copy.add(new Point(blockSize, 0.3 * blockSize / 2.56));
      rows.add(
          new Row(
              List.of(
                  Cell.count(blockSize),
                  Cell.fixed(waste.getLast().y(), 2),
                  Cell.fixed(speed.getLast().y(), 1),
                  Cell.significant(copy.getLast().y() * 1234, 3)),
              blockSize == 16));
    }
    return new Section(
        4,
        "block-size",
        "The right block size",
        "Small blocks waste little, large ones compute faster: is 16 the right middle?",
        new Verdict(
            Verdict.Outcome.LOSES,
            "block 32",
            "On this machine 32 is best: 2 % more waste than 16 buys 5 % more speed."),
        List.of("Waste alone always elects the smallest block. Speed and copies disagree."),
        List.of(
            new LineChart(
                "block-size-costs",
                "Waste, speed and copy cost over block size",
                Axis.log2("block size", "tokens"),
                Axis.linear("share", "%"),
                List.of(
                    new Series("waste of memory", waste),
                    new Series("speed against contiguous", speed),
                    new Series("copy cost", copy)),
                List.of())),
        List.of(
            new Table(
                "block-size-table",
                "What each block size costs",
                List.of(
                    Column.numbers("block size", "tokens"),
                    Column.numbers("waste", "%"),
                    Column.numbers("speed", "%"),
                    Column.numbers("copy", "ns")),
                rows)),
        "Decode attention over 2,048 tokens, 32 query and 8 KV heads, head dim 128, BF16; median"
            + " of 200 runs after 50 for warm-up; differences below 3 % are noise here.");
  }
}
