package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.ForwardingKernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;

/**
 * The scalar kernels, with a test in between: everything is passed on, unless overridden. Reads
 * pools behind an {@link InterposedStorage} too, which the scalar kernels would not know.
 */
class InterposedKernels extends ForwardingKernels {
  InterposedKernels() {
    super(new ScalarKernels());
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    WriteCall onHost = new WriteCall(host(call.storage()), call.batch());
    onHost.set(call.layer(), call.keys(), call.values());
    target.write(onHost, firstToken, endToken);
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    AttendCall onHost = new AttendCall(host(call.storage()), call.batch());
    onHost.set(call.layer(), call.spec(), call.queries(), call.output(), call.lse());
    target.attend(onHost, firstToken, endToken, firstKvHead, endKvHead, scratch);
  }

  static HostStorage host(KvStorage storage) {
    return (HostStorage) InterposedStorage.behind(storage);
  }
}
