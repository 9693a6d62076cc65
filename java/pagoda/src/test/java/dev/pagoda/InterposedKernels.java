package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;

/**
 * The scalar kernels, with a test in between: everything is passed on, unless overridden. Reads
 * pools behind an {@link InterposedStorage} too, which the scalar kernels would not know.
 */
class InterposedKernels implements Kernels {
  private final Kernels scalar = new ScalarKernels();

  @Override
  public String name() {
    return scalar.name();
  }

  @Override
  public String describe() {
    return scalar.describe();
  }

  @Override
  public KeyOrder keyOrder() {
    return scalar.keyOrder();
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    return scalar.openStorage(layout, numBlocks);
  }

  @Override
  public Scratch newScratch(KvLayout layout) {
    return scalar.newScratch(layout);
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    WriteCall onHost = new WriteCall(host(call.storage()), call.batch());
    onHost.set(call.layer(), call.keys(), call.values());
    scalar.write(onHost, firstToken, endToken);
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    return scalar.queryTileTokens(call);
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
    scalar.attend(onHost, firstToken, endToken, firstKvHead, endKvHead, scratch);
  }

  static HostStorage host(KvStorage storage) {
    return (HostStorage) InterposedStorage.behind(storage);
  }
}
