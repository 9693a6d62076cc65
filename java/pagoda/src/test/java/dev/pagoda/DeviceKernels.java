package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.ForwardingKernels;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.StepKernels;
import dev.pagoda.internal.kernel.WriteCall;

/** Kernels of a device that work on pools behind an {@link InterposedStorage} too. */
final class DeviceKernels extends ForwardingKernels {
  DeviceKernels(Kernels device) {
    super(device);
  }

  @Override
  public StepKernels newStep(
      WriteCall writeCall, AttendCall attendCall, IdlePool<Scratch> scratches, boolean debug) {
    return target.newStep(onDevice(writeCall), onDevice(attendCall), scratches, debug);
  }

  private static WriteCall onDevice(WriteCall call) {
    return new WriteCall(InterposedStorage.behind(call.storage()), call.batch());
  }

  private static AttendCall onDevice(AttendCall call) {
    return new AttendCall(InterposedStorage.behind(call.storage()), call.batch());
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    WriteCall onDevice = onDevice(call);
    onDevice.set(call.layer(), call.keys(), call.values());
    target.write(onDevice, firstToken, endToken);
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
    target.attend(onDevice, firstToken, endToken, firstKvHead, endKvHead, scratch);
  }
}
