package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.StepKernels;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * CUDA kernels at one place. Steps take whole batches, see {@link CudaStepKernels}; the calls for
 * some rows of a batch work too, each as a step of its own.
 */
public final class CudaKernels implements Kernels {
  private final CudaPlace place;
  private final CudaDevice device;
  private final int imageArchitecture;

  private CudaKernels(CudaPlace place, CudaDevice device, int imageArchitecture) {
    this.place = place;
    this.device = device;
    this.imageArchitecture = imageArchitecture;
  }

  /**
   * The kernels of a place. Only where {@link CudaDevices#unavailabilityReason} has none.
   *
   * @throws dev.pagoda.cuda.NativeCallException if there is no such device, or no kernel for it
   */
  public static CudaKernels at(CudaPlace place) {
    int deviceIndex = CudaDevices.deviceOf(place);
    return new CudaKernels(
        place, DeviceCalls.describe(deviceIndex), DeviceCalls.check(deviceIndex));
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String describe() {
    return "device "
        + device.deviceIndex()
        + ", "
        + device.describe()
        + ", kernels of architecture "
        + imageArchitecture / 10
        + "."
        + imageArchitecture % 10
        + (imageArchitecture == 90 ? "" : " as the driver compiled them")
        + (place.context() == 0 ? ", primary context" : ", the caller's context")
        + (place.stream() == 0 ? ", own stream" : ", the caller's stream");
  }

  @Override
  public KeyOrder keyOrder() {
    return KeyOrder.TOKEN_MAJOR;
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    LayerParams.requireSupported(layout);
    return new DeviceStorage(layout, numBlocks, DeviceQueue.open(place), place.room());
  }

  @Override
  public KvStorage openStorageWithin(KvLayout layout, MemorySegment segment) {
    throw new IllegalArgumentException(
        "the cuda backend's blocks live in device memory, give it a number of blocks or bytes:"
            + " byteSize="
            + segment.byteSize());
  }

  @Override
  public StepKernels newStep(
      WriteCall writeCall, AttendCall attendCall, IdlePool<Scratch> scratches, boolean debug) {
    return attendCall.storage() instanceof DeviceStorage storage
        ? new CudaStepKernels(storage, attendCall.batch(), debug)
        // Counts only, and never computes.
        : Kernels.super.newStep(writeCall, attendCall, scratches, debug);
  }

  private static final class NoScratch implements Scratch {}

  @Override
  public Scratch newScratch(KvLayout layout) {
    return new NoScratch(); // a device's working memory is not the host's
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    asStep(call.storage(), call.batch(), step -> step.writeRows(call, firstToken, endToken));
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    return Integer.MAX_VALUE; // all of a sequence's
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    asStep(
        call.storage(),
        call.batch(),
        step -> {
          for (int token = firstToken; token < endToken; token++) {
            step.attendToken(call, token, firstKvHead, endKvHead);
          }
        });
  }

  private static void asStep(KvStorage storage, RaggedBatch batch, Consumer<CudaStepKernels> work) {
    CudaStepKernels step = new CudaStepKernels((DeviceStorage) storage, batch, false);
    step.begin();
    try {
      work.accept(step);
    } finally {
      step.end();
    }
  }
}
