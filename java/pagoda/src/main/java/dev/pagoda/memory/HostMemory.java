package dev.pagoda.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * How much host memory can be had, so that a pool that cannot fit is refused with the numbers
 * instead of being killed while its pages are first touched.
 */
final class HostMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path CGROUP_MAX = Path.of("/sys/fs/cgroup/memory.max");
  private static final Path CGROUP_CURRENT = Path.of("/sys/fs/cgroup/memory.current");
  private static final Path CGROUP_STAT = Path.of("/sys/fs/cgroup/memory.stat");

  private HostMemory() {}

  static void requireAvailable(long poolBytes, long blockBytes) {
    OptionalLong availableBytes = availableBytes();
    if (availableBytes.isPresent() && poolBytes > availableBytes.getAsLong()) {
      throw new IllegalArgumentException(
          "the pool does not fit in memory: blockBytes="
              + blockBytes
              + ", poolBytes="
              + poolBytes
              + ", availableBytes="
              + availableBytes.getAsLong());
    }
  }

  static IllegalArgumentException refused(
      long poolBytes, long blockBytes, OutOfMemoryError refused) {
    // Not a matter of -XX:MaxDirectMemorySize: arenas that are closed by hand do not count there.
    return new IllegalArgumentException(
        "the system refused the pool's memory: blockBytes="
            + blockBytes
            + ", poolBytes="
            + poolBytes,
        refused);
  }

  /** Bytes that can be had now; empty where the operating system does not say. */
  private static OptionalLong availableBytes() {
    long availableBytes = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(MEMINFO)) {
        if (line.startsWith("MemAvailable:")) {
          availableBytes = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
    } catch (IOException | NumberFormatException unreadable) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(Math.min(availableBytes, controlGroupHeadroomBytes()));
  }

  private static long controlGroupHeadroomBytes() {
    try {
      List<String> max = Files.readAllLines(CGROUP_MAX);
      List<String> current = Files.readAllLines(CGROUP_CURRENT);
      long usedBytes = Long.parseLong(current.getFirst()) - fileCacheBytes();
      return Math.max(0, Long.parseLong(max.getFirst()) - usedBytes);
    } catch (IOException | NumberFormatException unlimited) {
      return Long.MAX_VALUE; // no control group, or "max"
    }
  }

  /** What a control group holds only to spare reads of files, as of the weights of a model. */
  private static long fileCacheBytes() throws IOException {
    long bytes = 0;
    for (String line : Files.readAllLines(CGROUP_STAT)) {
      if (line.startsWith("inactive_file ") || line.startsWith("active_file ")) {
        bytes += Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    return bytes;
  }
}
