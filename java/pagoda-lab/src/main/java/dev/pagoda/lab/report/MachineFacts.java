package dev.pagoda.lab.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What this machine and this JVM are, as far as they tell. */
public final class MachineFacts {
  private MachineFacts() {}

  /**
   * Asks the machine.
   *
   * @param clock for the date
   * @return processor, memory, operating system, JDK, its options, date
   */
  public static List<Fact> collect(Clock clock) {
    List<Fact> facts = new ArrayList<>();
    int processors = Runtime.getRuntime().availableProcessors();
    facts.add(
        new Fact(
            "Machine",
            "%s, %d logical CPUs for this JVM"
                .formatted(
                    procField("cpuinfo", "model name", System.getProperty("os.arch", "unknown")),
                    processors)));
    facts.add(new Fact("Memory", memory()));
    facts.add(
        new Fact("System", System.getProperty("os.name") + " " + System.getProperty("os.version")));
    facts.add(
        new Fact(
            "JDK",
            System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version")));
    facts.add(new Fact("JVM options", options()));
    facts.add(
        new Fact(
            "Date",
            ZonedDateTime.now(clock)
                .format(DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm z", Locale.ROOT))));
    return facts;
  }

  private static String memory() {
    double heapGib = Runtime.getRuntime().maxMemory() / (double) (1L << 30);
    String heap = String.format(Locale.ROOT, "%.1f GiB heap at most", heapGib);
    String kib = procField("meminfo", "MemTotal", "").replaceAll("\\D", "");
    if (kib.isEmpty() || kib.length() > 15) {
      return heap;
    }
    return String.format(
        Locale.ROOT, "%.1f GiB, %s", Long.parseLong(kib) / (double) (1 << 20), heap);
  }

  private static String options() {
    List<String> options = ManagementFactory.getRuntimeMXBean().getInputArguments();
    return options.isEmpty() ? "none" : String.join(" ", options);
  }

  /** Reads a {@code name : value} line, which only Linux has. */
  private static String procField(String file, String name, String otherwise) {
    try (Stream<String> lines = Files.lines(Path.of("/proc", file))) {
      return lines
          .filter(line -> line.startsWith(name) && line.contains(":"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(otherwise);
    } catch (IOException | UncheckedIOException notLinux) {
      return otherwise;
    }
  }
}
