package dev.pagoda.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * JMH's command line, and behind its table one of our own, see {@link Row}. Before JMH's arguments
 * may stand:
 *
 * <ul>
 *   <li>{@code table}: our side of the CPU table of {@code RESULTS.md}
 *   <li>{@code allocations}: what steps put on the heap; exit code 1 if that is more than nothing,
 *       or if an allocation that was planted stays unnoticed
 * </ul>
 */
public final class BenchMain {
  private static final String DECODE = "DecodeAttentionBenchmark.attend";
  private static final String PREFILL = "PrefillAttentionBenchmark.attend";

  /** Bytes per call. What the JVM and JMH allocate beside them is a hundredth of that. */
  private static final double ALLOCATED_BYTES_MAX = 0.5;

  /** What each run of {@code table} measures, as JMH's arguments. */
  private static final List<List<String>> TABLE =
      List.of(
          List.of(DECODE, "-p", "shape=C1,C2,C3", "-p", "dtype=FP32,BF16,FP16"),
          List.of(DECODE, "-p", "shape=C4,C4x8", "-p", "dtype=FP32", "-p", "coldMebibytes=0"),
          List.of(PREFILL, "-p", "shape=C5,C6", "-p", "dtype=FP32,BF16"));

  private BenchMain() {}

  /**
   * Runs the benchmarks that the arguments choose.
   *
   * @param arguments as for JMH, {@code table} or {@code allocations} before them
   * @throws IOException if the list cannot be written
   * @throws RunnerException if a benchmark fails
   * @throws CommandLineOptionException if an argument is wrong
   */
  public static void main(String[] arguments)
      throws IOException, RunnerException, CommandLineOptionException {
    String first = arguments.length > 0 ? arguments[0] : "";
    List<String> others =
        Arrays.asList(arguments).subList(Math.min(1, arguments.length), arguments.length);
    switch (first) {
      case "table" -> table(others);
      case "allocations" -> System.exit(allocations(others));
      default -> anything(arguments);
    }
  }

  private static void anything(String[] arguments)
      throws IOException, RunnerException, CommandLineOptionException {
    CommandLineOptions options = new CommandLineOptions(arguments);
    if (options.shouldHelp() || options.shouldList() || options.shouldListWithParams()) {
      org.openjdk.jmh.Main.main(arguments.clone());
      return;
    }
    print(new Runner(options).run());
  }

  private static void table(List<String> others)
      throws RunnerException, CommandLineOptionException {
    List<RunResult> results = new ArrayList<>();
    for (List<String> chosen : TABLE) {
      results.addAll(run(chosen, others));
    }
    print(results);
  }

  private static int allocations(List<String> others)
      throws RunnerException, CommandLineOptionException {
    Collection<RunResult> results = run(List.of("AllocationBenchmark", "-prof", "gc"), others);
    print(results);
    boolean isFine = true;
    for (RunResult result : results) {
      double bytes = Row.of(result).allocatedBytes();
      boolean isPlanted = result.getParams().getBenchmark().endsWith("PlantedAllocation");
      if (isPlanted && bytes <= ALLOCATED_BYTES_MAX) {
        System.out.println("the planted allocation went unnoticed: bytesPerCall=" + bytes);
        isFine = false;
      } else if (!isPlanted && !(bytes <= ALLOCATED_BYTES_MAX)) {
        System.out.println("steps put something on the heap: bytesPerCall=" + bytes);
        isFine = false;
      }
    }
    return isFine ? 0 : 1;
  }

  private static Collection<RunResult> run(List<String> chosen, List<String> others)
      throws RunnerException, CommandLineOptionException {
    String[] arguments = Stream.concat(chosen.stream(), others.stream()).toArray(String[]::new);
    return new Runner(new CommandLineOptions(arguments)).run();
  }

  private static void print(Collection<RunResult> results) {
    System.out.println();
    System.out.println("Declared work, MB = 10^6 bytes:");
    System.out.println(Row.HEAD);
    results.forEach(result -> System.out.println(Row.of(result)));
  }
}
