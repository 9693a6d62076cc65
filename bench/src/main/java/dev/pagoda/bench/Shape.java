package dev.pagoda.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** One row of {@code bench/shapes.csv} with a single context length. */
record Shape(
    String name,
    int numSeqs,
    int queryLength,
    int contextLength,
    int numQueryHeads,
    int numKvHeads,
    int headDim,
    int blockSize) {

  private static final int NUM_COLUMNS = 8;

  static Shape named(String name) {
    for (String line : lines()) {
      List<String> cells = List.of(line.split(",", -1));
      if (cells.getFirst().equals(name)) {
        return parse(cells);
      }
    }
    throw new IllegalArgumentException("shapes.csv has no such row: name=" + name);
  }

  private static List<String> lines() {
    InputStream resource = Shape.class.getResourceAsStream("/shapes.csv");
    if (resource == null) {
      throw new IllegalStateException("shapes.csv is not on the class path");
    }
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(resource, StandardCharsets.UTF_8))) {
      return reader.lines().filter(line -> !line.startsWith("#")).toList();
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private static Shape parse(List<String> cells) {
    if (cells.size() != NUM_COLUMNS) {
      throw new IllegalStateException("shapes.csv has a short row: row=" + cells);
    }
    int[] numbers = cells.stream().skip(1).mapToInt(Integer::parseInt).toArray();
    return new Shape(
        cells.getFirst(),
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6]);
  }

  /** Keys and values read once by a call. */
  long kvElements() {
    return 2L * numSeqs * contextLength * numKvHeads * headDim;
  }

  /** Multiply-adds count as two; only visible positions of causal attention count. */
  double operations() {
    double visible = 0;
    for (int query = 0; query < queryLength; query++) {
      visible += contextLength - queryLength + query + 1;
    }
    return 4.0 * numSeqs * numQueryHeads * headDim * visible;
  }
}
