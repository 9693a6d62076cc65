package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.cuda.CudaPlace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("gpu")
class StagingRingTest {
  private static final int NUM_COPIES = 23;

  private Arena arena;
  private DeviceQueue queue;
  private CallMemory memory;

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // close() does
  void open() {
    arena = Arena.ofConfined();
    queue = DeviceQueue.open(CudaPlace.firstDevice());
    memory = CallMemory.allocate(arena);
  }

  @AfterEach
  void close() {
    queue.close();
    arena.close();
  }

  @Test
  void buffersOfAnySizeBeginOnAPage() {
    for (long bytes : new long[] {4, 1012, 4096, 4100}) {
      StagingRing ring = new StagingRing(queue, bytes, memory);
      ring.ensure(bytes + 1, memory);
      queue.enter(memory);
      for (int i = 0; i < 5; i++) {
        assertThat(ring.take(memory).address() % 4096).as("buffers of " + bytes).isZero();
      }
      queue.leave(memory);
    }
  }

  @Test
  void aBufferKeepsItsBytesUntilItsCopyHasPassed() {
    StagingRing ring = new StagingRing(queue, 4096, memory);
    assertThat(copied(() -> ring.take(memory), () -> ring.queued(memory)))
        .containsExactly(IntStream.range(0, NUM_COPIES).toArray());
  }

  /** Whether the test above could fail: one buffer for all copies, and nobody waits. */
  @Test
  void oneBufferForAllIsNoticedByTheStandIn() {
    String name = NativeBuild.devices().getFirst().name();
    assumeTrue(
        name.startsWith("stand-in"), () -> "a device may be too fast to show it: name=" + name);
    MemorySegment buffer = queue.allocatePinned(4096, memory);
    assertThat(copied(() -> buffer, () -> {})).containsOnly(NUM_COPIES - 1);
  }

  /** Sends one number after the other, and reads all of them back at the end. */
  private int[] copied(Supplier<MemorySegment> take, Runnable queued) {
    long numbers = queue.allocateDevice((long) NUM_COPIES * Integer.BYTES, memory);
    MemorySegment back = queue.allocatePinned((long) NUM_COPIES * Integer.BYTES, memory);
    queue.enter(memory);
    for (int i = 0; i < NUM_COPIES; i++) {
      MemorySegment buffer = take.get();
      buffer.set(ValueLayout.JAVA_INT, 0, i);
      long target = numbers + (long) i * Integer.BYTES;
      queue.copyEntered(buffer.address(), target, Integer.BYTES, memory);
      queued.run();
    }
    queue.copyEntered(numbers, back.address(), back.byteSize(), memory);
    queue.waitEntered(memory);
    queue.leave(memory);
    return back.toArray(ValueLayout.JAVA_INT);
  }
}
