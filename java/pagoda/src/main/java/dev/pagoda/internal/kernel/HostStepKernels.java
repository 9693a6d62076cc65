package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;

/** A step on a CPU: calls are cut into rows and KV heads, for as many threads as there are. */
public final class HostStepKernels implements StepKernels {
  private final Kernels kernels;
  private final IdlePool<Scratch> scratches;
  private final ParallelWrite parallelWrite;
  private final ParallelAttend parallelAttend;

  /** Kernels for the one step whose whole-step calls these are. */
  public HostStepKernels(
      Kernels kernels, WriteCall writeCall, AttendCall attendCall, IdlePool<Scratch> scratches) {
    this.kernels = kernels;
    this.scratches = scratches;
    parallelWrite = new ParallelWrite(kernels, writeCall);
    parallelAttend = new ParallelAttend(kernels, attendCall, scratches);
  }

  @Override
  public void begin() {}

  @Override
  public void end() {}

  @Override
  public void write(WriteCall call, Executor executor, int numThreads) {
    parallelWrite.run(executor, numThreads);
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
