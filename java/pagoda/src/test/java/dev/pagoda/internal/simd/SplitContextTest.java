package dev.pagoda.internal.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.ForwardingKernels;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.internal.kernel.ParallelAttend;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.SpanStates;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.AttentionCases;
import dev.pagoda.testing.AttentionChecks;
import dev.pagoda.testing.PagedInputs;
import dev.pagoda.testing.PagedInputs.Garbage;
import dev.pagoda.testing.PagedInputs.Placement;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** One long context is shared out over threads, span by span. */
@Tag("vector-width")
class SplitContextTest {
  private static final int CONTEXT_LENGTH = 5000; // five spans

  /** The vector kernels, and which spans they were asked for one by one. */
  private static class Watched extends ForwardingKernels {
    final Set<Integer> spans = new TreeSet<>();
    int wholes;

    Watched() {
      super(VectorKernels.create());
    }

    @Override
    public void attend(AttendCall call, int from, int to, int head, int endHead, Scratch scratch) {
      wholes++;
      super.attend(call, from, to, head, endHead, scratch);
    }

    @Override
    public void attendSpan(
        AttendCall call,
        int from,
        int to,
        int head,
        int endHead,
        int span,
        SpanStates states,
        Scratch scratch) {
      spans.add(span);
      super.attendSpan(call, from, to, head, endHead, span, states, scratch);
    }
  }

  /** Leaves the last span out. */
  private static final class Forgetful extends Watched {
    @Override
    public void attendSpan(
        AttendCall call,
        int from,
        int to,
        int head,
        int endHead,
        int span,
        SpanStates states,
        Scratch scratch) {
      if (span < CONTEXT_LENGTH / 1024) {
        super.attendSpan(call, from, to, head, endHead, span, states, scratch);
      }
    }
  }

  private static AttentionCase oneRow() {
    return new AttentionCase(1).heads(2, 4).headDim(32).sequence(1, CONTEXT_LENGTH);
  }

  private static void run(Watched kernels, AttentionCase shape, int numThreads) {
    try (PagedInputs inputs =
        new PagedInputs(shape, new Placement(shape.seed(), Garbage.NAN), kernels)) {
      AttendCall call = inputs.newCall(inputs.batch(), inputs.newOutput(), inputs.newLse());
      IdlePool<Scratch> scratches = new IdlePool<>(() -> kernels.newScratch(inputs.layout()));
      new ParallelAttend(kernels, call, scratches).run(Runnable::run, numThreads);
    }
  }

  @Test
  void oneRowIsCutIntoAllItsSpansForTwoThreads() {
    Watched kernels = new Watched();
    run(kernels, oneRow(), 2);
    assertThat(kernels.spans).containsExactly(0, 1, 2, 3, 4);
    assertThat(kernels.wholes).isZero();
  }

  @Test
  void oneThreadCutsNothing() {
    Watched kernels = new Watched();
    run(kernels, oneRow(), 1);
    assertThat(kernels.spans).isEmpty();
    assertThat(kernels.wholes).isEqualTo(1);
  }

  @Test
  void manyRowsAreNotCutEither() {
    Watched kernels = new Watched();
    AttentionCase prompts = new AttentionCase(2).heads(1, 1).headDim(16);
    for (int i = 0; i < 20; i++) {
      prompts.sequence(1, 1100);
    }
    run(kernels, prompts, 2);
    assertThat(kernels.spans).isEmpty();
  }

  @Test
  void aSpanThatIsLeftOutIsFound() {
    assertThatThrownBy(
            () -> AttentionChecks.ignoresThreads(new Forgetful(), oneRow(), Runnable::run))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void longContextsAreAmongThoseThatAreCheckedOnThreads() {
    assertThat(AttentionCases.longContexts().filter(c -> c.numContextTokens() > 2048).count())
        .isGreaterThan(4);
  }
}
