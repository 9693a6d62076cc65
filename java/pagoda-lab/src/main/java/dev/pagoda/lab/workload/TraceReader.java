package dev.pagoda.lab.workload;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads traces of requests from JSON lines or CSV, one request per line.
 *
 * <p>A file whose first character is an opening brace is JSON lines; any other is CSV with a header
 * line. Both know these names, in any order; further ones are ignored:
 *
 * <table>
 *   <caption>Names of columns</caption>
 *   <tr><td>arrival</td><td>{@code timestamp} or {@code created_time} in milliseconds, {@code
 *       arrival} in seconds; 0 if there is none</td></tr>
 *   <tr><td>prompt</td><td>{@code input_length}, {@code input_tokens} or {@code prompt_tokens}; may
 *       be missing beside {@code token_ids}</td></tr>
 *   <tr><td>output</td><td>{@code output_length} or {@code output_tokens}</td></tr>
 *   <tr><td>content</td><td>{@code token_ids} or {@code hash_ids}, an array in JSON, numbers
 *       separated by spaces in CSV; may be missing</td></tr>
 * </table>
 *
 * <p>The Mooncake traces (Qin et al., FAST 2025) are JSON lines with {@code timestamp}, {@code
 * input_length}, {@code output_length} and {@code hash_ids} of 512 tokens each, an id standing for
 * its run and all before it. Requests need not be in order of arrival.
 */
public final class TraceReader {
  /** Tokens per hash id of the Mooncake traces. */
  public static final int MOONCAKE_TOKENS_PER_HASH = 512;

  private TraceReader() {}

  /**
   * Reads a trace.
   *
   * @param file where it is
   * @param tokensPerHash tokens that a hash id stands for
   * @return its requests, sorted by arrival; arrivals count from the first one
   * @throws TraceException if a line is not understood, naming it
   * @throws IOException if the file cannot be read
   */
  public static Trace read(Path file, int tokensPerHash) throws IOException {
    TraceBuilder builder = new TraceBuilder(file, tokensPerHash);
    long number = 0;
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      TraceLine.Format format = TraceLine.Format.NONE;
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        number++;
        String text = number == 1 && line.startsWith("\ufeff") ? line.substring(1) : line;
        if (text.isBlank()) {
          continue;
        }
        try {
          if (format.equals(TraceLine.Format.NONE)) {
            format = TraceLine.Format.of(text);
            if (format.isHeader()) {
              continue;
            }
          }
          builder.add(format.parse(text));
        } catch (TraceLine.Refused refused) {
          throw new TraceException(file, number, String.valueOf(refused.getMessage()));
        }
      }
    } catch (CharacterCodingException binary) {
      throw new TraceException(file, number + 1, "this is not UTF-8 text");
    }
    return builder.build();
  }
}
