package dev.pagoda.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HugePages.Outcome;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class HugePagesTest {
  private static final Path SMAPS = Path.of("/proc/self/smaps");
  private static final long POOL_BYTES = 16L << 20;

  @Test
  void contentStaysWhatItWas() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(POOL_BYTES + 4096, HugePages.PAGE_BYTES);
      for (long at = 0; at < memory.byteSize(); at += 512) {
        memory.set(ValueLayout.JAVA_LONG, at, at);
      }
      HugePages.request(memory);
      for (long at = 0; at < memory.byteSize(); at += 512) {
        assertThat(memory.get(ValueLayout.JAVA_LONG, at)).isEqualTo(at);
      }
    }
  }

  @Test
  void aPoolSaysWhetherItGotThem() throws IOException {
    KvLayout layout =
        new KvLayout(KvShape.uniform(4, 8, 64, DType.FP32), KeyOrder.DIM_MAJOR); // 256 KiB a block
    try (HostStorage storage = HostStorage.allocate(layout, 64)) {
      Outcome outcome = storage.hugePages();
      assertThat(outcome).isNotEqualTo(Outcome.TOO_SMALL).isNotEqualTo(Outcome.NOT_REQUESTED);
      Assumptions.assumeTrue(outcome == Outcome.GRANTED, outcome.phrase());
      assertThat(hugeBytesAt(storage.segment().address())).isGreaterThanOrEqualTo(POOL_BYTES);
    }
  }

  @Test
  void smallPoolsAndTheCallersMemoryAreLeftAlone() {
    KvLayout layout = new KvLayout(KvShape.uniform(1, 1, 16, DType.FP32), KeyOrder.DIM_MAJOR);
    try (Arena arena = Arena.ofConfined();
        HostStorage small = HostStorage.allocate(layout, 4);
        HostStorage callers = HostStorage.over(layout, arena.allocate(POOL_BYTES, 64))) {
      assertThat(small.hugePages()).isEqualTo(Outcome.TOO_SMALL);
      assertThat(callers.hugePages()).isEqualTo(Outcome.NOT_REQUESTED);
    }
  }

  /** Bytes on huge pages of the mapping that an address is in. */
  private static long hugeBytesAt(long address) throws IOException {
    List<String> lines = Files.readAllLines(SMAPS);
    boolean isHere = false;
    for (String line : lines) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        String[] ends = line.substring(0, line.indexOf(' ')).split("-", -1);
        isHere =
            Long.parseUnsignedLong(ends[0], 16) <= address
                && address < Long.parseUnsignedLong(ends[1], 16);
      } else if (isHere && line.startsWith("AnonHugePages:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    return 0;
  }
}
