package dev.pagoda.internal.kernel;

import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.MemorySegment;

/**
 * What a backend computes. An implementation holds no state of a call and may be used by any number
 * of threads, each with a {@link Scratch} of its own.
 */
public interface Kernels {
  /** Short name of the backend, as users ask for it. */
  String name();

  /** One sentence: what computes, how wide, why. */
  String describe();

  /** How these kernels want keys to lie. */
  KeyOrder keyOrder();

  /**
   * Allocates a pool's memory where these kernels can read it.
   *
   * @throws IllegalArgumentException if that much memory cannot be had, with the numbers
   */
  KvStorage openStorage(KvLayout layout, int numBlocks);

  /**
   * Uses the caller's memory as a pool.
   *
   * @throws IllegalArgumentException if these kernels cannot read it, or it does not fit
   */
  default KvStorage openStorageWithin(KvLayout layout, MemorySegment segment) {
    return HostStorage.over(layout, segment);
  }

  /**
   * What one step computes with.
   *
   * @param writeCall the call that whole-step writes will be asked with
   * @param attendCall the call that whole-step attention will be asked with; names storage and
   *     batch
   * @param scratches working memory to borrow
   * @param debug whether to spend time on finding what should never be wrong
   */
  default StepKernels newStep(
      WriteCall writeCall, AttendCall attendCall, IdlePool<Scratch> scratches, boolean debug) {
    return new HostStepKernels(this, writeCall, attendCall, scratches);
  }

  /** Working memory for one thread, enough for any call over the layout. */
  Scratch newScratch(KvLayout layout);

  /**
   * Writes the keys and values of rows {@code [firstToken, endToken)} into their slots, rounding to
   * the layer's types. Different rows may be written by different threads.
   */
  void write(WriteCall call, int firstToken, int endToken);

  /** Query tokens of one sequence that a call of {@link #attend} handles best together. */
  int queryTileTokens(AttendCall call);

  /**
   * Attention of rows {@code [firstToken, endToken)}, all of one sequence, over KV heads {@code
   * [firstKvHead, endKvHead)} and the query heads that read them. Writes exactly those rows and
   * heads of output and LSE. Different rows or heads may be computed by different threads.
   */
  void attend(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      Scratch scratch);

  /**
   * Size of what {@link #attendSpan} stores per row, query head and span; 0 if these kernels cannot
   * split a context.
   */
  default int spanStateFloats(AttendCall call) {
    return 0;
  }

  /**
   * The part of {@link #attend} that one span of the context contributes, stored for {@link
   * #mergeSpans}. Different spans may be computed by different threads.
   *
   * @param span which {@link CanonicalOrder#SPAN_TOKENS} positions, counted from position 0
   */
  default void attendSpan(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      int span,
      SpanStates states,
      Scratch scratch) {
    throw new UnsupportedOperationException("these kernels split no context: kernels=" + name());
  }

  /**
   * The rest of {@link #attend}, once every span is stored: writes the same bits to output and LSE.
   */
  default void mergeSpans(
      AttendCall call,
      int firstToken,
      int endToken,
      int firstKvHead,
      int endKvHead,
      SpanStates states,
      Scratch scratch) {
    throw new UnsupportedOperationException("these kernels split no context: kernels=" + name());
  }
}
