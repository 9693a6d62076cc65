package dev.pagoda.internal.kernel;

import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.KvStorage;

/** Kernels that pass everything on, unless overridden, for tests that stand in between. */
public abstract class ForwardingKernels implements Kernels {
  /** What computes in the end. */
  protected final Kernels target;

  protected ForwardingKernels(Kernels target) {
    this.target = target;
  }

  @Override
  public String name() {
    return target.name();
  }

  @Override
  public String describe() {
    return target.describe();
  }

  @Override
  public KeyOrder keyOrder() {
    return target.keyOrder();
  }

  @Override
  public KvStorage openStorage(KvLayout layout, int numBlocks) {
    return target.openStorage(layout, numBlocks);
  }

  @Override
  public Scratch newScratch(KvLayout layout) {
    return target.newScratch(layout);
  }

  @Override
  public void write(WriteCall call, int firstToken, int endToken) {
    target.write(call, firstToken, endToken);
  }

  @Override
  public int queryTileTokens(AttendCall call) {
    return target.queryTileTokens(call);
  }

  @Override
  public void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch) {
    target.attend(call, firstToken, endToken, firstKvHead, endKvHead, scratch);
  }

  @Override
  public int spanStateFloats(AttendCall call) {
    return target.spanStateFloats(call);
  }

  @Override
  public void attendSpan(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      int span,
      SpanStates states,
      Scratch scratch) {
    target.attendSpan(call, firstToken, endToken, firstKvHead, endKvHead, span, states, scratch);
  }

  @Override
  public void mergeSpans(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      SpanStates states,
      Scratch scratch) {
    target.mergeSpans(call, firstToken, endToken, firstKvHead, endKvHead, states, scratch);
  }
}
