package dev.pagoda.lab.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    Path path = folder.resolve("round.safetensors");
    String awkward = "päg\"oda\n\u0001\uD83D\uDEA9";
    try (Arena arena = Arena.ofConfined()) {
      Tensor bytes = tensor(arena, awkward, ElementType.U8, 3);
      Tensor floats = tensor(arena, "f", ElementType.F32, 2, 5);
      Tensor wide = tensor(arena, "w", ElementType.I64, 1);
      Tensor none = tensor(arena, "n", ElementType.F16, 0, 7);
      Tensor scalar = tensor(arena, "s", ElementType.BF16);
      List<Tensor> tensors = List.of(bytes, floats, wide, none, scalar);

      SafetensorsWriter.write(path, Map.of("k", awkward), tensors);

      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        assertThat(file.metadata()).isEqualTo(Map.of("k", awkward));
        assertThat(file.tensors()).hasSize(5);
        for (Tensor written : tensors) {
          Tensor read = file.require(written.name());
          assertThat(read.type()).isEqualTo(written.type());
          assertThat(read.shape()).isEqualTo(written.shape());
          assertThat(read.data().mismatch(written.data())).isEqualTo(-1);
          assertThat(read.data().address() % read.type().byteSize()).isZero();
        }
        assertThat(file.require("w").data().address() % 64).isZero();
      }
    }
    assertThat(filesIn(folder)).containsExactly("round.safetensors");
  }

  @Test
  void dataLongerThanOneWriteArrivesWhole() throws IOException {
    Path path = folder.resolve("long.safetensors");
    try (Arena arena = Arena.ofConfined()) {
      Tensor written = tensor(arena, "long", ElementType.U8, (33 << 20) + 5);

      SafetensorsWriter.write(path, Map.of(), List.of(written));

      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        assertThat(file.require("long").data().mismatch(written.data())).isEqualTo(-1);
      }
    }
  }

  @Test
  void aFailedWriteLeavesTheOldFileAndNothingBeside() throws IOException {
    Path path = Files.writeString(folder.resolve("old.safetensors"), "old");
    Tensor closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = tensor(arena, "closed", ElementType.U8, 9);
    }

    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(closed)));

    assertThat(path).hasContent("old");
    assertThat(filesIn(folder)).containsExactly("old.safetensors");
  }

  @Test
  void anUnwritableFolderIsAnIoException() {
    Path path = folder.resolve("missing").resolve("x.safetensors");

    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of()));
  }

  @Test
  void refusesNamesThatAFileCannotHold() {
    Tensor a = Tensor.of("a", ElementType.U8, MemorySegment.ofArray(new byte[1]), 1);
    Tensor reserved = new Tensor("__metadata__", a.type(), a.shape(), a.data());
    Tensor half = new Tensor("\uD83D", a.type(), a.shape(), a.data());

    assertRefused(Map.of(), List.of(a, a), "a tensor needs a name of its own, name='a'");
    assertRefused(
        Map.of(), List.of(reserved), "a tensor needs a name of its own, name='__metadata__'");
    assertRefused(
        Map.of(),
        List.of(half),
        "a name or metadata string has half a surrogate pair, text='\\ud83d'");
    assertRefused(
        Map.of("k", "\uDEA9"),
        List.of(a),
        "a name or metadata string has half a surrogate pair, text='\\udea9'");
  }

  @Test
  void aTensorIsAsLongAsItsShape() {
    MemorySegment nine = MemorySegment.ofArray(new byte[9]);

    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> Tensor.of("t", ElementType.F32, nine, 2))
        .withMessage("tensor 't': dtype F32 and shape [2] take 8 bytes, but there are byteCount=9");
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> Tensor.of("t", ElementType.F32, nine, -1))
        .withMessage("tensor 't': a dimension of the shape is negative, shape=[-1]");
  }

  private void assertRefused(Map<String, String> metadata, List<Tensor> tensors, String sentence) {
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(
            () -> SafetensorsWriter.write(folder.resolve("x.safetensors"), metadata, tensors))
        .withMessage(sentence);
    assertThat(folder).isEmptyDirectory();
  }

  private static Tensor tensor(Arena arena, String name, ElementType type, long... shape) {
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    MemorySegment data = arena.allocate(elements * type.byteSize(), 8);
    for (long i = 0; i < data.byteSize(); i++) {
      data.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + name.length()));
    }
    return Tensor.of(name, type, data, shape);
  }

  private static List<String> filesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
