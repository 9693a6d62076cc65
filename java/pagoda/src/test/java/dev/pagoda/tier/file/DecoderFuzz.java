package dev.pagoda.tier.file;

import dev.pagoda.prefix.KeyTarget;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The door through which a fuzzer comes: Jazzer calls {@link #fuzzerInitialize} once with the name
 * of a target, and {@link #fuzzerTestOneInput} with each input.
 *
 * <p>{@code main} writes the corpus of a target to a folder, one file each.
 */
public final class DecoderFuzz {
  private static FuzzTarget target = new None();

  private DecoderFuzz() {}

  /** A decoder, sound and with a bug that the fuzzer must find. */
  enum Decoder {
    RESTORE,
    BLOCK_FILE,
    SWAP_FILE,
    FOLDER,
    KEY;

    FuzzTarget open(boolean isPlanted) {
      UnaryOperator<byte[]> asItIs = UnaryOperator.identity();
      return switch (this) {
        case RESTORE -> new RestoreTarget(isPlanted ? RestoreTarget::correctingNumbers : asItIs);
        case BLOCK_FILE ->
            new BlockFileTarget(isPlanted ? BlockFileTarget::ignoringVersions : asItIs);
        case SWAP_FILE -> new SwapFileTarget(isPlanted ? SwapFileTarget::anybodys : asItIs);
        case FOLDER ->
            new FolderTarget(isPlanted ? FolderTarget::ignoringCase : UnaryOperator.identity());
        case KEY -> keys(isPlanted);
      };
    }
  }

  private static FuzzTarget keys(boolean planted) {
    KeyTarget keys = new KeyTarget(planted);
    return new FuzzTarget() {
      @Override
      public void check(byte[] input) {
        keys.check(input);
      }

      @Override
      public List<byte[]> seeds() {
        return keys.seeds();
      }

      @Override
      public void close() {}
    };
  }

  private static final class None implements FuzzTarget {
    @Override
    public void check(byte[] input) {
      throw new IllegalStateException("name a target: --target_args=RESTORE");
    }

    @Override
    public List<byte[]> seeds() {
      return List.of();
    }

    @Override
    public void close() {}
  }

  /** Jazzer, before the first input: a decoder's name, and perhaps {@code planted}. */
  public static void fuzzerInitialize(String[] args) {
    boolean isPlanted = args.length > 1 && args[1].equals("planted");
    target = Decoder.valueOf(args[0]).open(isPlanted);
  }

  /** Jazzer, with each input. */
  public static void fuzzerTestOneInput(byte[] input) {
    check(target, input);
  }

  /**
   * Classes that are loaded and instrumented on the way count as allocated: only the first time.
   */
  static void check(FuzzTarget target, byte[] input) {
    try {
      target.check(input);
    } catch (FuzzedFile.Immodest once) {
      target.check(input);
    }
  }

  /** Writes the corpus: a decoder's name, a folder. */
  public static void main(String[] args) throws IOException {
    FuzzCorpus.write(Decoder.valueOf(args[0]), Path.of(args[1]));
  }
}
