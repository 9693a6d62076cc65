package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.lab.safetensors.SafetensorsWriter;
import dev.pagoda.lab.safetensors.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes input files for tests: a valid problem, from which a test changes one thing.
 *
 * <p>Two sequences with 3 and 1 queries and contexts of 5 and 4, 4 query heads over 2 KV heads,
 * head dim 8, value head dim 6.
 */
final class AttendFiles {
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private AttendFiles() {}

  static AttendFiles valid() {
    return new AttendFiles()
        .with(floats("query", ElementType.F32, 4, 4, 8))
        .with(floats("key", ElementType.BF16, 9, 2, 8))
        .with(floats("value", ElementType.F16, 9, 2, 6))
        .with(ints("query_lens", 3, 1))
        .with(ints("context_lens", 5, 4));
  }

  AttendFiles with(Tensor tensor) {
    tensors.put(tensor.name(), tensor);
    return this;
  }

  AttendFiles without(String name) {
    tensors.remove(name);
    return this;
  }

  AttendFiles metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  Path write(Path path) throws IOException {
    SafetensorsWriter.write(path, metadata, tensors.values());
    return path;
  }

  /** Makes a tensor of numbers of a float type, all bits zero. */
  static Tensor floats(String name, ElementType type, long... shape) {
    long numElements = 1;
    for (long dimension : shape) {
      numElements *= dimension;
    }
    byte[] bytes = new byte[Math.toIntExact(numElements * type.byteSize())];
    return Tensor.of(name, type, MemorySegment.ofArray(bytes), shape);
  }

  static Tensor vector(String name, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return Tensor.of(name, ElementType.F32, MemorySegment.ofBuffer(bytes), values.length);
  }

  static Tensor ints(String name, int... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(values);
    return Tensor.of(name, ElementType.I32, MemorySegment.ofBuffer(bytes), values.length);
  }

  /** Answers with numbers that say where they stand: output i is i, LSE i is -i. */
  static void count(AttendProblem problem, AttendAnswer answer) {
    fill(answer.output(), 1);
    fill(answer.lse(), -1);
  }

  private static void fill(MemorySegment segment, int sign) {
    ValueLayout.OfFloat layout = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (long i = 0; i < segment.byteSize() / 4; i++) {
      segment.setAtIndex(layout, i, sign * (float) i);
    }
  }
}
