package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.internal.simd.VectorKernels;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.DType;
import dev.pagoda.testing.AllocationMeter;
import dev.pagoda.testing.AttentionCase;
import dev.pagoda.testing.PagedInputs;
import dev.pagoda.testing.PagedInputs.Garbage;
import dev.pagoda.testing.PagedInputs.Placement;
import dev.pagoda.testing.TypedRows;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A call allocates nothing on the heap, whatever the shape was before. */
@Tag("vector-width")
class KernelAllocationTest {
  private static final int ROUNDS = 200;
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  static Stream<Kernels> kernels() {
    return Stream.of(new ScalarKernels(), VectorKernels.create());
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void attendingAllocatesNothingWhileShapesChange(Kernels kernels) {
    List<Attending> shapes = shapes().map(shape -> new Attending(kernels, shape)).toList();
    try {
      long bytes =
          AllocationMeter.bytesOf(
              round -> shapes.get(round % shapes.size()).run(), ROUNDS, PATIENCE);
      assertThat(bytes).isZero();
    } finally {
      shapes.forEach(Attending::close);
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void writingAllocatesNothingWhileShapesChange(Kernels kernels) {
    List<Attending> shapes = shapes().map(shape -> new Attending(kernels, shape)).toList();
    try {
      long bytes =
          AllocationMeter.bytesOf(
              round -> shapes.get(round % shapes.size()).write(), ROUNDS, PATIENCE);
      assertThat(bytes).isZero();
    } finally {
      shapes.forEach(Attending::close);
    }
  }

  private static Stream<AttentionCase> shapes() {
    return Stream.of(
        new AttentionCase(1).heads(2, 4).headDim(128).sequence(1, 150),
        new AttentionCase(2).heads(2, 4).headDim(64).dtypes(DType.BF16, DType.BF16).sequence(1, 90),
        new AttentionCase(3).heads(2, 1).headDim(80).dtypes(DType.FP16, DType.FP16).sequence(9, 70),
        new AttentionCase(4).heads(1, 7).headDims(33, 16).blockSize(5).sequence(12, 40),
        new AttentionCase(5).heads(2, 2).softCap(9f).alibi().sinks().sequence(3, 66),
        new AttentionCase(6).heads(1, 8).mask(AttentionMask.slidingWindow(20)).sequence(30, 80),
        new AttentionCase(7).rowForm(TypedRows.Form.SEGMENT_BF16).sequence(2, 30),
        new AttentionCase(8).rowForm(TypedRows.Form.SEGMENT_FP16).withoutLse().sequence(1, 1040));
  }

  /** One shape, ready to be computed again and again. */
  private static final class Attending implements AutoCloseable {
    private final Kernels kernels;
    private final PagedInputs inputs;
    private final AttendCall attend;
    private final WriteCall write;
    private final Scratch scratch;

    Attending(Kernels kernels, AttentionCase shape) {
      this.kernels = kernels;
      inputs = new PagedInputs(shape, new Placement(shape.seed(), Garbage.NAN), kernels);
      attend = inputs.newCall(inputs.batch(), inputs.newOutput(), inputs.newLse());
      write = inputs.newWriteCall(inputs.batch());
      scratch = kernels.newScratch(inputs.layout());
    }

    void run() {
      int numKvHeads = inputs.shape().numKvHeads();
      kernels.attend(attend, 0, attend.batch().numTokens(), 0, numKvHeads, scratch);
    }

    void write() {
      kernels.write(write, 0, write.batch().numTokens());
    }

    @Override
    public void close() {
      inputs.close();
    }
  }
}
