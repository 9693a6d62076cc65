package dev.pagoda.lab.workload;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Gathers the lines of a trace. */
final class TraceBuilder {
  private final Path file;
  private final int tokensPerHash;
  private final List<TraceLine> lines = new ArrayList<>();

  TraceBuilder(Path file, int tokensPerHash) {
    if (tokensPerHash < 1) {
      throw new IllegalArgumentException(
          "a hash id stands for at least one token: tokensPerHash=" + tokensPerHash);
    }
    this.file = file;
    this.tokensPerHash = tokensPerHash;
  }

  void add(TraceLine line) throws TraceLine.Refused {
    if (line.hasHashIds) {
      long covered = (long) line.hashIds.length * tokensPerHash;
      if (covered >= (long) line.promptTokens + tokensPerHash) {
        throw new TraceLine.Refused(
            "there are more hash_ids than the prompt takes at "
                + tokensPerHash
                + " tokens each: input_length="
                + line.promptTokens
                + ", ids="
                + line.hashIds.length);
      }
    }
    if (!lines.isEmpty()) {
      TraceLine first = lines.getFirst();
      if (first.hasTokenIds != line.hasTokenIds || first.hasHashIds != line.hasHashIds) {
        throw new TraceLine.Refused("every request has token_ids or hash_ids, or none has");
      }
    }
    lines.add(line);
  }

  Trace build() {
    if (lines.isEmpty()) {
      throw new TraceException(file, "there is no request in it");
    }
    lines.sort(Comparator.comparingDouble(line -> line.arrivalSeconds));
    double start = lines.getFirst().arrivalSeconds;
    return new Trace(
        String.valueOf(file.getFileName()),
        lines.stream().mapToDouble(line -> line.arrivalSeconds - start).toArray(),
        lines.stream().mapToInt(line -> line.promptTokens).toArray(),
        lines.stream().mapToInt(line -> line.outputTokens).toArray(),
        content());
  }

  private PromptContent content() {
    TraceLine first = lines.getFirst();
    if (first.hasTokenIds) {
      return new PromptContent.TokenIds(
          lines.stream().map(line -> line.tokenIds).toArray(int[][]::new));
    }
    if (first.hasHashIds) {
      return new PromptContent.HashIds(
          lines.stream().map(line -> line.hashIds).toArray(long[][]::new), tokensPerHash);
    }
    return new PromptContent.Unknown();
  }
}
