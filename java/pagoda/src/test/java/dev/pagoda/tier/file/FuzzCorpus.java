package dev.pagoda.tier.file;

import dev.pagoda.tier.file.DecoderFuzz.Decoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/**
 * Inputs that a fuzzer found worth keeping, because each goes where no other one went, and what it
 * found wrong once. A file per decoder, a line per input in Base64: see {@code scripts/fuzz.sh}.
 */
final class FuzzCorpus {
  private static final Path FOLDER = Path.of("src", "test", "fuzz");

  private FuzzCorpus() {}

  static List<byte[]> of(Decoder decoder) throws IOException {
    List<byte[]> inputs = new ArrayList<>();
    try (FuzzTarget target = decoder.open(false)) {
      inputs.addAll(target.seeds());
    }
    Path found = FOLDER.resolve(decoder.name().toLowerCase(Locale.ROOT) + ".txt");
    for (String line : Files.readAllLines(found)) {
      inputs.add(Base64.getDecoder().decode(line));
    }
    return inputs;
  }

  /** One file per input, as a fuzzer wants them. */
  static void write(Decoder decoder, Path folder) throws IOException {
    Files.createDirectories(folder);
    int number = 0;
    for (byte[] input : of(decoder)) {
      Files.write(folder.resolve(String.format(Locale.ROOT, "%05d", number++)), input);
    }
  }
}
