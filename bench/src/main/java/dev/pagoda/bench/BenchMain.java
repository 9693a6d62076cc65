package dev.pagoda.bench;

import dev.pagoda.layout.DType;
import java.io.IOException;
import java.util.Collection;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * JMH's command line, and behind its table one of our own: time, bytes and operations per second,
 * and the share of the plain read that ran in the same call.
 */
public final class BenchMain {
  private BenchMain() {}

  /**
   * Runs the benchmarks that the arguments choose.
   *
   * @param arguments as for JMH
   * @throws IOException if the list cannot be written
   * @throws RunnerException if a benchmark fails
   * @throws CommandLineOptionException if an argument is wrong
   */
  public static void main(String[] arguments)
      throws IOException, RunnerException, CommandLineOptionException {
    CommandLineOptions options = new CommandLineOptions(arguments);
    if (options.shouldHelp() || options.shouldList() || options.shouldListWithParams()) {
      org.openjdk.jmh.Main.main(arguments.clone());
      return;
    }
    Collection<RunResult> results = new Runner(options).run();
    System.out.println();
    System.out.println("Declared work (GB = 10^9 bytes):");
    for (RunResult result : results) {
      System.out.println(row(result, results));
    }
  }

  private static String row(RunResult result, Collection<RunResult> all) {
    BenchmarkParams params = result.getParams();
    Result<?> primary = result.getPrimaryResult();
    double seconds = primary.getScore() / params.getTimeUnit().convert(1, TimeUnit.SECONDS);
    Work work = declaredWork(params);
    StringBuilder row = new StringBuilder();
    row.append(String.format(Locale.ROOT, "%-62s %12.3f us", label(params), seconds * 1e6));
    if (work.bytes() > 0) {
      row.append(String.format(Locale.ROOT, " %8.2f GB/s", work.bytes() / seconds / 1e9));
    }
    if (work.operations() > 0) {
      row.append(String.format(Locale.ROOT, " %8.2f GFLOP/s", work.operations() / seconds / 1e9));
    }
    plainReadSeconds(params, all)
        .ifPresent(read ->
            row.append(
                String.format(Locale.ROOT, "  %3.0f %% of the plain read", 100 * read / seconds)));
    streamRead(result)
        .ifPresent(gigabytesPerSecond ->
            row.append(
                String.format(
                    Locale.ROOT,
                    "  %3.0f %% of the stream read in the same JVM, %.2f GB/s",
                    100 * work.bytes() / seconds / 1e9 / gigabytesPerSecond,
                    gigabytesPerSecond)));
    allocated(result)
        .ifPresent(bytes -> row.append(String.format(Locale.ROOT, "  %.1f B allocated", bytes)));
    return row.toString();
  }

  private static OptionalDouble streamRead(RunResult result) {
    Result<?> read = result.getSecondaryResults().get("streamRead");
    return read == null
        ? OptionalDouble.empty()
        : OptionalDouble.of(read.getStatistics().getMean());
  }

  /** With {@code -prof gc}. */
  private static OptionalDouble allocated(RunResult result) {
    Result<?> bytes = result.getSecondaryResults().get("gc.alloc.rate.norm");
    return bytes == null ? OptionalDouble.empty() : OptionalDouble.of(bytes.getScore());
  }

  private static String label(BenchmarkParams params) {
    String name = params.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
    StringBuilder label = new StringBuilder(name);
    for (String key : params.getParamsKeys()) {
      label.append(' ').append(params.getParam(key));
    }
    return label.toString();
  }

  private static OptionalDouble plainReadSeconds(BenchmarkParams of, Collection<RunResult> all) {
    if (!of.getBenchmark().endsWith("DecodeAttentionBenchmark.attend")) {
      return OptionalDouble.empty();
    }
    return all.stream()
        .filter(r -> r.getParams().getBenchmark().endsWith("DecodeAttentionBenchmark.plainRead"))
        .filter(r -> sameParams(r.getParams(), of))
        .mapToDouble(r -> r.getPrimaryResult().getScore() / 1e6)
        .findFirst();
  }

  private static boolean sameParams(BenchmarkParams a, BenchmarkParams b) {
    return a.getParamsKeys().stream().allMatch(key -> a.getParam(key).equals(b.getParam(key)));
  }

  private static Work declaredWork(BenchmarkParams params) {
    String name = params.getBenchmark();
    if (name.contains("DecodeAttentionBenchmark")) {
      Work work =
          DecodeAttentionBenchmark.work(
              params.getParam("shape"), DType.valueOf(params.getParam("dtype")));
      return name.endsWith("plainRead") ? new Work(work.bytes(), 0) : work;
    }
    if (name.contains("PrefillAttentionBenchmark")) {
      return new Work(0, Shape.named(params.getParam("shape")).operations());
    }
    if (name.endsWith("forkAndCopyOnWrite")) {
      return SharingBenchmark.copyWork();
    }
    return Work.NONE;
  }
}
