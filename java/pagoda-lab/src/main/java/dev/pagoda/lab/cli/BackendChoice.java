package dev.pagoda.lab.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;

/** What {@code --backend} may say. */
public enum BackendChoice {
  /** The fastest that can be had here. */
  BEST,
  /** CUDA kernels. */
  CUDA,
  /** The Vector API. */
  VECTOR,
  /** Plain Java. */
  SCALAR;

  /**
   * Returns the name as users write it.
   *
   * @return lower-case name
   */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Reads a label, and names the others when it is none. */
  static final class Converter implements CommandLine.ITypeConverter<BackendChoice> {
    @Override
    public BackendChoice convert(String label) {
      return Arrays.stream(values())
          .filter(choice -> choice.label().equals(label))
          .findFirst()
          .orElseThrow(() ->
              new CommandLine.TypeConversionException(
                  Arrays.stream(values())
                          .map(BackendChoice::label)
                          .collect(Collectors.joining(", ", "it is one of ", ", but not '"))
                      + label
                      + "'"));
    }
  }
}
