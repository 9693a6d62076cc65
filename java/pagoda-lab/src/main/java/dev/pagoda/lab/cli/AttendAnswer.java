package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.lab.safetensors.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Room for the answer to a problem: packed, row-major, little-endian FP32, aligned to 64 bytes,
 * open to all threads. It belongs to whoever made it and is valid as long as the arena it came
 * from.
 *
 * @param output {@code [numTokens, numQueryHeads, valueHeadDim]}
 * @param lse {@code [numQueryHeads, numTokens]}, natural logarithm of the sum of the exponentials
 *     of the scores; minus infinity for a row that sees nothing
 */
public record AttendAnswer(MemorySegment output, MemorySegment lse) {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Makes room, filled with NaN: a number that was never written must not look like a result. */
  static AttendAnswer allocate(AttendProblem problem, Arena arena) {
    long rows = (long) problem.query().numTokens() * problem.query().numHeads();
    return new AttendAnswer(
        allocate(arena, rows * problem.value().headDim()), allocate(arena, rows));
  }

  private static MemorySegment allocate(Arena arena, long numElements) {
    MemorySegment segment = arena.allocate(numElements * Float.BYTES, 64);
    for (long i = 0; i < numElements; i++) {
      segment.setAtIndex(FLOAT, i, Float.NaN);
    }
    return segment;
  }

  /** Returns the answer as the two tensors of the output file. */
  List<Tensor> tensors(AttendProblem problem) {
    long numTokens = problem.query().numTokens();
    long numQueryHeads = problem.query().numHeads();
    long valueHeadDim = problem.value().headDim();
    return List.of(
        Tensor.of("output", ElementType.F32, output, numTokens, numQueryHeads, valueHeadDim),
        Tensor.of("lse", ElementType.F32, lse, numQueryHeads, numTokens));
  }
}
