package dev.pagoda.lab.safetensors;

/**
 * A file is not a valid safetensors file, or does not hold the tensor that was asked for.
 *
 * <p>The message is one sentence on one line. It names the tensor, the field and the value that are
 * wrong, but not the file, which the caller knows.
 */
public final class SafetensorsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message one sentence that ends in {@code name=value}
   */
  public SafetensorsException(String message) {
    super(message);
  }

  /**
   * Creates the exception with the parser's or decoder's own exception as its cause.
   *
   * @param message one sentence that ends in {@code name=value}
   * @param cause what the parser or decoder threw
   */
  public SafetensorsException(String message, Throwable cause) {
    super(message, cause);
  }
}
