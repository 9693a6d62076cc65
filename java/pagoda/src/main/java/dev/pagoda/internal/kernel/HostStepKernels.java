package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;

/** A step on a CPU: calls are cut into rows and KV heads, for as many threads as there are. */
public final class HostStepKernels implements StepKernels {
  private final Kernels kernels;
  private final IdlePool<Scratch> scratches;
  private final ParallelAttend parallelAttend;
  private final ParallelWrite parallelWrite;

  /** Kernels for the one step whose whole-step calls are {@code attendCall}. */
  public HostStepKernels(Kernels kernels, AttendCall attendCall, IdlePool<Scratch> scratches) {
    this.kernels = kernels;
    this.scratches = scratches;
    parallelAttend = new ParallelAttend(kernels, attendCall, scratches);
    parallelWrite =
        new ParallelWrite(kernels, new WriteCall(attendCall.storage(), attendCall.batch()));
  }

  @Override
  public void begin() {}

  @Override
  public void end() {}

  @Override
  public void write(WriteCall call) {
    kernels.write(call, 0, call.batch().numTokens());
  }

  @Override
  public void write(WriteCall call, Executor executor, int numThreads) {
    parallelWrite.run(call, executor, numThreads);
  }

  @Override
  public void writeToken(WriteCall call, int token) {
    kernels.write(call, token, token + 1);
  }

  @Override
  public void attend(AttendCall call, Executor executor, int numThreads) {
    parallelAttend.run(executor, numThreads);
  }

  @Override
  public void attendToken(AttendCall call, int token, int firstKvHead, int endKvHead) {
    Scratch scratch = scratches.take();
    try {
      kernels.attend(call, token, token + 1, firstKvHead, endKvHead, scratch);
    } finally {
      scratches.give(scratch);
    }
  }
}
