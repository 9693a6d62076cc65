package dev.pagoda.lab.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** Writes a whole safetensors file, or nothing. */
public final class SafetensorsWriter {
  /** Where the data of our files begins: a multiple of this, for the widest vector load. */
  private static final int DATA_ALIGNMENT = 64;

  /** Bytes per write: a channel takes an int's worth, and copies heap memory in one piece. */
  private static final long CHUNK_BYTES = 16 << 20;

  private SafetensorsWriter() {}

  /**
   * Writes a file aside, in the same folder, and renames it to its name. Whatever fails, the file
   * of that name is as before, and nothing is left beside it.
   *
   * @param path the file; replaced if there is one
   * @param metadata strings for {@code __metadata__}; none leaves the key out
   * @param tensors the tensors, of unique names; their segments are read, not kept
   * @throws IOException if the file cannot be written
   * @throws SafetensorsException if a name is there twice, is {@code __metadata__}, or cannot be
   *     written in UTF-8
   */
  public static void write(Path path, Map<String, String> metadata, Collection<Tensor> tensors)
      throws IOException {
    requireNames(metadata, tensors);
    // Wide elements first: then each tensor begins at a multiple of its element size without gaps.
    List<Tensor> ordered = new ArrayList<>(tensors);
    ordered.sort(Comparator.comparingInt((Tensor tensor) -> tensor.type().byteSize()).reversed());
    ByteBuffer head = head(metadata, ordered);
    Path aside =
        path.resolveSibling(".%s.%s.partial".formatted(path.getFileName(), UUID.randomUUID()));
    try {
      try (FileChannel channel =
          FileChannel.open(aside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        writeFully(channel, head);
        for (Tensor tensor : ordered) {
          long size = tensor.data().byteSize();
          for (long offset = 0; offset < size; offset += CHUNK_BYTES) {
            long length = Math.min(CHUNK_BYTES, size - offset);
            writeFully(channel, tensor.data().asSlice(offset, length).asByteBuffer());
          }
        }
      }
      Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(aside);
    }
  }

  private static void requireNames(Map<String, String> metadata, Collection<Tensor> tensors) {
    Set<String> names = new HashSet<>();
    for (Tensor tensor : tensors) {
      requireUnicode(tensor.name());
      if (tensor.name().equals(Header.METADATA) || !names.add(tensor.name())) {
        throw new SafetensorsException(
            "a tensor needs a name of its own, name=" + Quoted.text(tensor.name()));
      }
    }
    metadata.forEach((key, value) -> {
      requireUnicode(key);
      requireUnicode(value);
    });
  }

  private static void requireUnicode(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new SafetensorsException(
          "a name or metadata string has half a surrogate pair, text=" + Quoted.text(text));
    }
  }

  private static ByteBuffer head(Map<String, String> metadata, List<Tensor> tensors)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(Header.METADATA);
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
          json.writeStringField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
      }
      long begin = 0;
      for (Tensor tensor : tensors) {
        long end = begin + tensor.data().byteSize();
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.type().name());
        writeIntegers(json, "shape", tensor.shape());
        writeIntegers(json, "data_offsets", List.of(begin, end));
        json.writeEndObject();
        begin = end;
      }
      json.writeEndObject();
    }
    while ((Long.BYTES + bytes.size()) % DATA_ALIGNMENT != 0) {
      bytes.write(' ');
    }
    if (bytes.size() > SafetensorsFile.HEADER_BYTES_MAX) {
      throw new SafetensorsException(
          "the header is longer than the %d bytes allowed, headerLength=%d"
              .formatted(SafetensorsFile.HEADER_BYTES_MAX, bytes.size()));
    }
    return ByteBuffer.allocate(Long.BYTES + bytes.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(bytes.size())
        .put(bytes.toByteArray())
        .flip();
  }

  private static void writeIntegers(JsonGenerator json, String field, List<Long> integers)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (long integer : integers) {
      json.writeNumber(integer);
    }
    json.writeEndArray();
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
