package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.StepKernels;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.KvStorage;

/** Kernels of a device that work on pools behind an {@link InterposedStorage} too. */
record DeviceKernels(Kernels device) implements Kernels {
  @Override
  public String name() {
    return device.name();
  }

  @Override
  public String describe() {
    return device.describe();
  }

  @Override
  public KeyOrder keyOrder() {
    return device.keyOrder();
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    return device.openStorage(layout, numBlocks);
  }

  @Override
  public StepKernels newStep(
      WriteCall writeCall, AttendCall attendCall, IdlePool<Scratch> scratches, boolean debug) {
    return device.newStep(onDevice(writeCall), onDevice(attendCall), scratches, debug);
  }

  private static WriteCall onDevice(WriteCall call) {
    return new WriteCall(InterposedStorage.behind(call.storage()), call.batch());
  }

  private static AttendCall onDevice(AttendCall call) {
    return new AttendCall(InterposedStorage.behind(call.storage()), call.batch());
  }

  @Override
  public Scratch newScratch(KvLayout layout) {
    return device.newScratch(layout);
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    WriteCall onDevice = onDevice(call);
    onDevice.set(call.layer(), call.keys(), call.values());
    device.write(onDevice, firstToken, endToken);
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    return device.queryTileTokens(call);
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    AttendCall onDevice = onDevice(call);
    onDevice.set(call.layer(), call.spec(), call.queries(), call.output(), call.lse());
    device.attend(onDevice, firstToken, endToken, firstKvHead, endKvHead, scratch);
  }
}
