package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.PagedKvCache;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.internal.cuda.TwoCaches.Calls;
import dev.pagoda.internal.cuda.TwoCaches.Growth;
import dev.pagoda.internal.cuda.TwoCaches.Pair;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.testing.Seeds;
import dev.pagoda.testing.TypedRows.Form;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A cache in a context and on a stream that somebody else made with the driver's own functions. */
@Tag("gpu")
class CudaPlaceTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  /** The driver, called as a stranger would. */
  private static final class Driver {
    private final SymbolLookup symbols = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());

    void call(String function, Object... arguments) throws Throwable {
      MemoryLayout[] layouts = new MemoryLayout[arguments.length];
      for (int i = 0; i < arguments.length; i++) {
        layouts[i] =
            arguments[i] instanceof MemorySegment ? ValueLayout.ADDRESS : ValueLayout.JAVA_INT;
      }
      int answer =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      symbols.find(function).orElseThrow(),
                      FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts))
                  .invokeWithArguments(arguments);
      assertThat(answer).as(function).isZero();
    }
  }

  @Test
  @Tag("nvidia")
  void aForeignContextAndStreamAreUsedAndTheCallersOwnStaysCurrent() throws Throwable {
    Driver driver = new Driver();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment device = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment handle = arena.allocate(ValueLayout.ADDRESS);
      driver.call("cuInit", 0);
      driver.call("cuDeviceGet", device, 0);
      driver.call(
          "cuCtxCreate_v4", handle, MemorySegment.NULL, 0, device.get(ValueLayout.JAVA_INT, 0));
      MemorySegment context = handle.get(ValueLayout.ADDRESS, 0);
      driver.call("cuStreamCreate", handle, 1);
      MemorySegment stream = handle.get(ValueLayout.ADDRESS, 0);
      driver.call("cuCtxSetCurrent", MemorySegment.NULL);

      CudaPlace place =
          CudaPlace.firstDevice().withContext(context.address()).withStream(stream.address());
      KvShape shape = KvShape.uniform(1, 2, 64, DType.BF16);
      try (TwoCaches caches =
          new TwoCaches(shape, 32, place, Form.ARRAY, Seeds.generator(SEED, "foreign"))) {
        CudaCache cuda = caches.device.unwrap(CudaCache.class);
        assertThat(cuda.context()).isEqualTo(context.address());
        assertThat(cuda.stream()).isEqualTo(stream.address());
        assertThat(cuda.deviceIndex()).isZero();
        assertThat(caches.device.describe()).contains("the caller's context, the caller's stream");
        Pair pair = caches.open();
        caches.step(
            List.of(new Growth(pair, 40)),
            AttentionSpec.causal(4, 0.125f),
            Calls.WHOLE_STEP,
            "seed=" + SEED);
        caches.step(
            List.of(new Growth(pair.fork(37), 1)),
            AttentionSpec.causal(4, 0.125f),
            Calls.WHOLE_STEP,
            "seed=" + SEED);
        driver.call("cuCtxGetCurrent", handle);
        assertThat(handle.get(ValueLayout.ADDRESS, 0)).isEqualTo(MemorySegment.NULL);

        // The same calls from a thread that works in that context.
        driver.call("cuCtxSetCurrent", context);
        caches.step(
            List.of(new Growth(pair, 1)),
            AttentionSpec.causal(4, 0.125f),
            Calls.WHOLE_STEP,
            "seed=" + SEED);
        driver.call("cuCtxGetCurrent", handle);
        assertThat(handle.get(ValueLayout.ADDRESS, 0)).isEqualTo(context);
        driver.call("cuCtxSetCurrent", MemorySegment.NULL);
      }
      driver.call("cuCtxSetCurrent", context);
      driver.call("cuStreamSynchronize", stream); // the caller's still
      driver.call("cuStreamDestroy_v2", stream);
      driver.call("cuCtxDestroy_v2", context);
    }
  }

  @Test
  void aDeviceThatIsNotThereIsRefusedByIndex() {
    KvShape shape = KvShape.uniform(1, 2, 64, DType.BF16);
    CudaPlace nowhere = CudaPlace.firstDevice().withDevice(1000);
    assertThatThrownBy(
            () -> PagedKvCache.open(shape, nowhere, Capacity.blocks(4), Checks.STANDARD).close())
        .isInstanceOf(NativeCallException.class)
        .hasMessageContaining("device_idx=1000");
  }

  @Test
  void theCacheSaysWhereItComputes() {
    KvShape shape = KvShape.uniform(1, 2, 64, DType.BF16);
    try (PagedKvCache cache = PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(4))) {
      assertThat(cache.describe())
          .startsWith("cuda: device 0, ")
          .contains("compute capability", "kernels of architecture", "4 blocks of 16 tokens");
    }
  }

  @Test
  @Tag("nvidia")
  void theBestBackendIsTheDevice() {
    assertThat(Backend.best()).isEqualTo(Backend.CUDA);
  }
}
