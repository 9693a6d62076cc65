package dev.pagoda.bench;

import dev.pagoda.layout.DType;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * A measured call beside what the machine gives: a row of a Markdown table.
 *
 * <p>Ceilings were measured in the same JVM before each iteration, on one thread: the plain read is
 * a sum over what the call reads, block by block in the order of the block tables; the stream read
 * goes through the whole pool from end to end; the peak are multiply-adds in registers.
 *
 * @param label benchmark and parameters
 * @param micros time per call
 * @param error half of the 99.9 % interval of the time, as JMH has it
 * @param work what a call moves and computes
 * @param plainReadMicros how long reading the same bytes takes, or NaN
 * @param streamRead GB/s, or NaN
 * @param fmaPeak GFLOP/s, or NaN
 * @param allocatedBytes on the heap per call, or NaN without {@code -prof gc}; the least of the
 *     iterations, because the JVM itself now and then makes an object
 */
record Row(
    String label,
    double micros,
    double error,
    Work work,
    double plainReadMicros,
    double streamRead,
    double fmaPeak,
    double allocatedBytes) {

  static final String HEAD =
      """
      | call | us | +- | MB | GB/s | plain read us | share of plain read | stream read GB/s \
      | GFLOP/s | share of FMA peak | B on the heap |
      |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\
      """;

  static Row of(RunResult result) {
    BenchmarkParams params = result.getParams();
    Result<?> primary = result.getPrimaryResult();
    double toMicros = 1e6 / params.getTimeUnit().convert(1, TimeUnit.SECONDS);
    return new Row(
        label(params),
        primary.getScore() * toMicros,
        primary.getScoreError() * toMicros,
        declaredWork(params),
        secondary(result, "plainReadMicros"),
        secondary(result, "streamRead"),
        secondary(result, "fmaPeak"),
        bytesOnTheHeap(result));
  }

  private static double secondary(RunResult result, String name) {
    Result<?> counter = result.getSecondaryResults().get(name);
    return counter == null ? Double.NaN : counter.getStatistics().getMean();
  }

  private static double bytesOnTheHeap(RunResult result) {
    Result<?> bytes = result.getSecondaryResults().get("gc.alloc.rate.norm");
    return bytes == null ? Double.NaN : bytes.getStatistics().getMin();
  }

  private static String label(BenchmarkParams params) {
    String name = params.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
    StringBuilder label = new StringBuilder(name);
    for (String key : params.getParamsKeys()) {
      label.append(' ').append(params.getParam(key));
    }
    return label.toString();
  }

  private static Work declaredWork(BenchmarkParams params) {
    String name = params.getBenchmark();
    if (name.contains("DecodeAttentionBenchmark")) {
      return DecodeAttentionBenchmark.work(
          params.getParam("shape"), DType.valueOf(params.getParam("dtype")));
    }
    if (name.contains("PrefillAttentionBenchmark")) {
      return new Work(0, Shape.named(params.getParam("shape")).operations());
    }
    if (name.endsWith("forkAndCopyOnWrite")) {
      return SharingBenchmark.copyWork();
    }
    return Work.NONE;
  }

  @Override
  public String toString() {
    double gigaflops = work.operations() / micros / 1e3;
    return String.join(
            " | ",
            "| " + label,
            number("%.3f", micros),
            number("%.3f", error),
            number("%.1f", work.bytes() / 1e6),
            number("%.1f", work.bytes() / micros / 1e3),
            number("%.1f", plainReadMicros),
            number("%.0f %%", 100 * plainReadMicros / micros),
            number("%.1f", streamRead),
            number("%.1f", gigaflops),
            number("%.0f %%", 100 * gigaflops / fmaPeak),
            number("%.2f", allocatedBytes))
        + " |";
  }

  /** Nothing where there is nothing to say. */
  private static String number(String format, double value) {
    boolean isSaid = Double.isFinite(value) && value != 0;
    return isSaid ? String.format(Locale.ROOT, format, value) : "";
  }
}
