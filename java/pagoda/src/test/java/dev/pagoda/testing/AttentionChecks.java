package dev.pagoda.testing;

import static dev.pagoda.testing.AttentionAssertions.assertClose;
import static dev.pagoda.testing.AttentionAssertions.assertSameBits;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.ParallelAttend;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.testing.AttentionCase.SequenceShape;
import dev.pagoda.testing.PagedInputs.Garbage;
import dev.pagoda.testing.PagedInputs.Placement;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;

/**
 * What attention promises, each promise as a check of some kernels over one case. Fails with an
 * {@link AssertionError} that names the case.
 */
public final class AttentionChecks {
  private AttentionChecks() {}

  /** Every result is as close to the true one as FP32 arithmetic allows. */
  public static void agreesWithFloat64(Kernels kernels, AttentionCase shape) {
    try (PagedInputs inputs = open(kernels, shape, Garbage.NAN)) {
      assertClose(inputs.attend(kernels), Float64Attention.of(inputs), shape);
    }
  }

  /** The bits are those that other kernels compute, over the pool that each wrote. */
  public static void agreesToTheBit(Kernels kernels, Kernels expected, AttentionCase shape) {
    try (PagedInputs inputs = open(kernels, shape, Garbage.NAN);
        PagedInputs others = open(expected, shape, Garbage.NAN)) {
      assertSameBits(
          kernels.name() + " equals " + expected.name(),
          inputs.attend(kernels),
          others.attend(expected),
          shape);
    }
  }

  /** What lies where no token lives does not matter: neither NaN nor infinity shows. */
  public static void ignoresUnownedSlots(Kernels kernels, AttentionCase shape) {
    AttentionResult clean = attend(kernels, shape, shape.seed(), Garbage.ZERO);
    AttentionResult nan = attend(kernels, shape, shape.seed(), Garbage.NAN);
    AttentionResult infinity = attend(kernels, shape, shape.seed(), Garbage.INFINITY);
    assertSameBits("unowned slots hold NaN", nan, clean, shape);
    assertSameBits("unowned slots hold infinity", infinity, clean, shape);
  }

  /** Which blocks of the pool a sequence has does not matter. */
  public static void ignoresPlacement(Kernels kernels, AttentionCase shape) {
    AttentionResult here = attend(kernels, shape, shape.seed(), Garbage.ZERO);
    AttentionResult there = attend(kernels, shape, shape.seed() + 1, Garbage.ZERO);
    assertSameBits("blocks lie elsewhere", there, here, shape);
  }

  /** A sequence alone gives what it gives in a batch. */
  public static void ignoresTheBatch(Kernels kernels, AttentionCase shape) {
    checkPieces(kernels, shape, "sequences alone", new WholeSequences());
  }

  /** Heads one by one give what all together give. */
  public static void ignoresHeadRanges(Kernels kernels, AttentionCase shape) {
    checkPieces(kernels, shape, "KV heads one by one", new SingleHeads());
  }

  /**
   * A prompt in chunks, each before the next is in the cache, gives what it gives in one piece. For
   * causal masks: without one, a query sees what comes later.
   */
  public static void ignoresChunks(Kernels kernels, AttentionCase shape) {
    checkPieces(kernels, shape, "token by token", new Chunks(1));
    checkPieces(kernels, shape, "in chunks of three", new Chunks(3));
    checkPieces(kernels, shape, "in chunks of random length", new Chunks(0));
  }

  /** Any number of threads, lent in time or late, gives what one gives. */
  public static void ignoresThreads(Kernels kernels, AttentionCase shape, Executor executor) {
    try (PagedInputs inputs = open(kernels, shape, Garbage.NAN)) {
      AttentionResult whole = inputs.attend(kernels);
      RaggedBatch batch = inputs.batch();
      TypedRows output = inputs.newOutput();
      TypedRows lse = inputs.newLse();
      AttendCall call = inputs.newCall(batch, output, lse);
      IdlePool<Scratch> scratches = new IdlePool<>(() -> kernels.newScratch(inputs.layout()));
      ParallelAttend attend = new ParallelAttend(kernels, call, scratches);
      for (int numThreads : new int[] {1, 2, 3, 16, 100}) {
        attend.run(executor, numThreads);
        assertSameBits(numThreads + " threads", inputs.result(output, lse), whole, shape);
      }
    }
  }

  /** Rows and heads that were not asked for are not written. */
  public static void writesOnlyWhatItIsAskedFor(Kernels kernels, AttentionCase shape) {
    try (PagedInputs inputs = open(kernels, shape, Garbage.NAN)) {
      AttentionResult whole = inputs.attend(kernels);
      RaggedBatch batch = inputs.batch();
      TypedRows output = inputs.newOutput();
      TypedRows lse = inputs.newLse();
      AttentionResult untouched = inputs.result(output, lse);
      Scratch scratch = kernels.newScratch(inputs.layout());
      AttendCall call = inputs.newCall(batch, output, lse);
      int lastHead = shape.numKvHeads() - 1;
      int lastToken = batch.numTokens() - 1;
      kernels.attend(call, lastToken, lastToken + 1, lastHead, lastHead + 1, scratch);

      AttentionResult expected = untouched;
      copyHead(shape, whole, expected, lastToken, lastHead);
      assertSameBits("one row of one head", inputs.result(output, lse), expected, shape);
    }
  }

  private static void copyHead(
      AttentionCase shape, AttentionResult from, AttentionResult to, int token, int kvHead) {
    int numQueryHeads = shape.numQueryHeads();
    int firstHead = token * numQueryHeads + kvHead * shape.groupSize();
    int width = shape.groupSize() * shape.valueDim();
    int start = firstHead * shape.valueDim();
    System.arraycopy(from.output(), start, to.output(), start, width);
    if (shape.wantsLse()) {
      System.arraycopy(from.lse(), firstHead, to.lse(), firstHead, shape.groupSize());
    }
  }

  private static PagedInputs open(Kernels kernels, AttentionCase shape, Garbage garbage) {
    return new PagedInputs(shape, new Placement(shape.seed(), garbage), kernels);
  }

  private static AttentionResult attend(
      Kernels kernels, AttentionCase shape, long shuffleSeed, Garbage garbage) {
    try (PagedInputs inputs =
        new PagedInputs(shape, new Placement(shuffleSeed, garbage), kernels)) {
      return inputs.attend(kernels);
    }
  }

  /** A way to compute a case in pieces. */
  private interface Pieces {
    void attend(Kernels kernels, PagedInputs inputs, TypedRows output, TypedRows lse);
  }

  private static void checkPieces(
      Kernels kernels, AttentionCase shape, String claim, Pieces pieces) {
    try (PagedInputs inputs = open(kernels, shape, Garbage.NAN)) {
      AttentionResult whole = inputs.attend(kernels);
      TypedRows output = inputs.newOutput();
      TypedRows lse = inputs.newLse();
      pieces.attend(kernels, inputs, output, lse);
      assertSameBits(claim, inputs.result(output, lse), whole, shape);
    }
  }

  private record WholeSequences() implements Pieces {
    @Override
    public void attend(Kernels kernels, PagedInputs inputs, TypedRows output, TypedRows lse) {
      for (int s = 0; s < inputs.shape().sequences().size(); s++) {
        int queryLength = inputs.shape().sequences().get(s).queryLength();
        inputs.attendChunk(kernels, s, 0, queryLength, output, lse);
      }
    }
  }

  private record SingleHeads() implements Pieces {
    @Override
    public void attend(Kernels kernels, PagedInputs inputs, TypedRows output, TypedRows lse) {
      RaggedBatch batch = inputs.batch();
      AttendCall call = inputs.newCall(batch, output, lse);
      Scratch scratch = kernels.newScratch(inputs.layout());
      for (int s = 0; s < batch.numSeqs(); s++) {
        int first = batch.queryStart(s);
        for (int head = inputs.shape().numKvHeads() - 1; head >= 0; head--) {
          kernels.attend(call, first, first + batch.queryLength(s), head, head + 1, scratch);
        }
      }
    }
  }

  /** Chunks of a length, or of random ones. */
  private record Chunks(int length) implements Pieces {
    @Override
    public void attend(Kernels kernels, PagedInputs inputs, TypedRows output, TypedRows lse) {
      RandomGenerator random = Seeds.generator(inputs.shape().seed(), "chunks");
      for (int s = 0; s < inputs.shape().sequences().size(); s++) {
        SequenceShape sequence = inputs.shape().sequences().get(s);
        int first = 0;
        while (first < sequence.queryLength()) {
          int step = length == 0 ? 1 + random.nextInt(20) : length;
          int end = Math.min(sequence.queryLength(), first + step);
          inputs.attendChunk(kernels, s, first, end, output, lse);
          first = end;
        }
      }
    }
  }
}
