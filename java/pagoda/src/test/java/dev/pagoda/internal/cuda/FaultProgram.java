package dev.pagoda.internal.cuda;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.DevicePointer;
import dev.pagoda.cuda.DeviceRows;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;

/**
 * A program of its own, because what it does cannot be undone in its process: it has a kernel read
 * where nothing is, and prints what the cache says from then on.
 */
final class FaultProgram {
  private FaultProgram() {}

  public static void main(String[] args) {
    KvShape shape = KvShape.uniform(1, 2, 64, DType.BF16);
    PagedKvCache cache = PagedKvCache.open(shape, Backend.CUDA, Capacity.blocks(16));
    KvSequence sequence = cache.newSequence();
    Step step = cache.newStep();
    step.append(sequence, 5).begin();
    DeviceRows nowhere = DeviceRows.of(new DevicePointer(0x1000, 1 << 20), DType.BF16);
    step.write(0, nowhere, nowhere);
    tell("synchronize", () -> cache.unwrap(CudaCache.class).synchronize());
    long start = System.nanoTime();
    tell("write", () -> step.write(0, nowhere, nowhere));
    tell("newSequence", () -> cache.newSequence().close());
    tell("fork", () -> sequence.fork().close());
    tell("newStep", () -> cache.newStep().close());
    tell("synchronize again", () -> cache.unwrap(CudaCache.class).synchronize());
    System.out.println("millis=" + (System.nanoTime() - start) / 1_000_000);
    System.out.println(cache.describe());
    tell("rollback", step::rollback);
    tell("close", cache::closeAll);
    System.out.println("end");
  }

  private static void tell(String what, Runnable call) {
    try {
      call.run();
      System.out.println(what + ": fine");
    } catch (RuntimeException refused) {
      System.out.println(what + ": " + refused);
    }
  }
}
