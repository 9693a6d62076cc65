package dev.pagoda.lab.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An open safetensors file: metadata, and tensors as read-only slices of the mapped file.
 *
 * <p>The whole header is checked when the file is opened, so that every tensor handed out lies
 * inside the file. The caller closes the file; tensors are readable until then, from any thread.
 * While it is open the file must not be cut short by others: a mapping has no answer for that.
 *
 * <p>The format is described at the {@linkplain dev.pagoda.lab.safetensors package}.
 */
public final class SafetensorsFile implements AutoCloseable {
  /** Headers longer than this are refused, whatever the size of the file. */
  static final long HEADER_BYTES_MAX = 100_000_000;

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Arena arena;
  private final Map<String, String> metadata;
  private final Map<String, Tensor> tensors;

  private SafetensorsFile(Arena arena, Map<String, String> metadata, Map<String, Tensor> tensors) {
    this.arena = arena;
    this.metadata = Collections.unmodifiableMap(metadata);
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens a file and checks its header.
   *
   * @param path the file
   * @return the open file, for the caller to close
   * @throws SafetensorsException if the file is not a valid safetensors file
   * @throws IOException if the file cannot be read
   */
  @SuppressWarnings("MustBeClosedChecker") // the arena becomes the file's, or is closed right here
  public static SafetensorsFile open(Path path) throws IOException {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      return of(file, arena);
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
  }

  /** Parses the bytes of a file. The arena is closed with the result, not when this throws. */
  static SafetensorsFile of(MemorySegment file, Arena arena) {
    long size = file.byteSize();
    if (size < Long.BYTES) {
      throw new SafetensorsException(
          "the file is too short for the length of a header, byteCount=" + size);
    }
    long headerLength = file.get(LENGTH, 0);
    if (headerLength < 0 || headerLength > HEADER_BYTES_MAX) {
      throw new SafetensorsException(
          "the header is longer than the %d bytes allowed, headerLength=%s"
              .formatted(HEADER_BYTES_MAX, Long.toUnsignedString(headerLength)));
    }
    if (headerLength > size - Long.BYTES) {
      throw new SafetensorsException(
          "the file of %d bytes ends inside its header, headerLength=%d"
              .formatted(size, headerLength));
    }
    Header header = Header.parse(file.asSlice(Long.BYTES, headerLength).asByteBuffer());
    MemorySegment data = file.asSlice(Long.BYTES + headerLength);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Header.Entry entry : header.entries().values()) {
      requireInside(entry, data.byteSize());
      MemorySegment slice = data.asSlice(entry.begin(), entry.end() - entry.begin());
      tensors.put(entry.name(), new Tensor(entry.name(), entry.type(), entry.shape(), slice));
    }
    requireCover(header, data.byteSize());
    return new SafetensorsFile(arena, header.metadata(), tensors);
  }

  private static void requireInside(Header.Entry entry, long dataBytes) {
    if (entry.begin() > entry.end()) {
      throw new SafetensorsException(
          "%s: the data ends before it begins, data_offsets=[%d, %d]"
              .formatted(Quoted.tensor(entry.name()), entry.begin(), entry.end()));
    }
    if (entry.end() > dataBytes) {
      throw new SafetensorsException(
          "%s: the data ends behind the %d data bytes of the file, data_offsets=[%d, %d]"
              .formatted(Quoted.tensor(entry.name()), dataBytes, entry.begin(), entry.end()));
    }
  }

  /** Refuses overlaps, gaps and bytes behind the last tensor. */
  private static void requireCover(Header header, long dataBytes) {
    List<Header.Entry> byOffset =
        header.entries().values().stream()
            .sorted(
                Comparator.comparingLong(Header.Entry::begin).thenComparingLong(Header.Entry::end))
            .toList();
    long covered = 0;
    for (Header.Entry entry : byOffset) {
      if (entry.begin() != covered) {
        String what = entry.begin() < covered ? "overlaps the tensor before it" : "leaves a gap";
        throw new SafetensorsException(
            "%s: the data %s, which ends at %d, data_offsets=[%d, %d]"
                .formatted(Quoted.tensor(entry.name()), what, covered, entry.begin(), entry.end()));
      }
      covered = entry.end();
    }
    if (covered != dataBytes) {
      throw new SafetensorsException(
          "the tensors end at byte %d of the data, but there are dataBytes=%d"
              .formatted(covered, dataBytes));
    }
  }

  /**
   * Returns the strings under {@code __metadata__}.
   *
   * @return unmodifiable, in file order, empty where the file has none
   */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Returns all tensors by name.
   *
   * @return unmodifiable, in the order of the header
   */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /**
   * Finds a tensor that the file may lack.
   *
   * @param name the tensor's name
   * @return the tensor, or empty
   */
  public Optional<Tensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /**
   * Returns a tensor that the file must have.
   *
   * @param name the tensor's name
   * @return the tensor
   * @throws SafetensorsException if the file has none of that name
   */
  public Tensor require(String name) {
    return find(name)
        .orElseThrow(
            () -> new SafetensorsException("the file lacks a tensor, name=" + Quoted.text(name)));
  }

  /**
   * Unmaps the file. Tensors must not be read afterwards.
   *
   * @throws IllegalStateException if it is closed already, or a tensor is being read
   */
  @Override
  public void close() {
    arena.close();
  }
}
