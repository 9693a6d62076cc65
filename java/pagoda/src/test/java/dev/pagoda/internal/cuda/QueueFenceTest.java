package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.memory.Fence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("gpu")
class QueueFenceTest {
  private static final long BYTES = 1 << 20;

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

  /** Queues a copy of sevens into host memory, which nobody has waited for. */
  private MemorySegment copyBack() {
    long device = queue.allocateDevice(BYTES, memory);
    MemorySegment host = queue.allocatePinned(BYTES, memory);
    host.fill((byte) 0);
    queue.fill(device, BYTES, 7, memory);
    queue.enter(memory);
    queue.copyEntered(device, host.address(), BYTES, memory);
    queue.leave(memory);
    return host;
  }

  @Test
  void whatWasQueuedBeforeAFenceHasHappenedWhenItHasPassed() {
    MemorySegment host = copyBack();
    Fence fence = QueueFence.record(queue);
    fence.await();
    assertThat(fence.hasPassed()).isTrue();
    assertThat(host.get(ValueLayout.JAVA_BYTE, BYTES - 1)).isEqualTo((byte) 7);
  }

  @Test
  void aFenceHasNotPassedWhileTheStandInDefersWhatWasQueued() {
    String name = NativeBuild.devices().getFirst().name();
    assumeTrue(
        name.startsWith("stand-in"), () -> "a device may be too fast to show it: name=" + name);
    MemorySegment host = copyBack();
    Fence fence = QueueFence.record(queue);
    assertThat(host.get(ValueLayout.JAVA_BYTE, BYTES - 1)).isZero();
    assertThat(fence.hasPassed()).isFalse();
    queue.synchronize(memory);
    assertThat(fence.hasPassed()).isTrue();
  }
}
