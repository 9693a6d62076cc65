package dev.pagoda.cuda;

import java.util.Objects;

/** A function of the native library did not succeed, and this is what it said. */
public final class NativeCallException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The function, as the C header names it. */
  private final String function;

  /** What it returned, a {@code PAGODA_STATUS_...} of the C header. */
  private final int status;

  /** The {@code cudaError_t} behind it, 0 when CUDA was not at fault. */
  private final int cudaError;

  /** The library's own sentence. */
  private final String text;

  /**
   * Keeps what the library said.
   *
   * @param function the function, as the C header names it
   * @param status what it returned, not 0
   * @param cudaError the {@code cudaError_t} behind it, 0 when CUDA was not at fault
   * @param text the library's own sentence
   */
  public NativeCallException(String function, int status, int cudaError, String text) {
    super(function + " failed: " + text + " (status=" + status + ", cudaError=" + cudaError + ")");
    this.function = Objects.requireNonNull(function, "function");
    this.status = status;
    this.cudaError = cudaError;
    this.text = Objects.requireNonNull(text, "text");
  }

  /**
   * The function that failed.
   *
   * @return its name in the C header
   */
  public String function() {
    return function;
  }

  /**
   * What the function returned.
   *
   * @return a {@code PAGODA_STATUS_...} of the C header, not 0
   */
  public int status() {
    return status;
  }

  /**
   * What CUDA said.
   *
   * @return a {@code cudaError_t}, 0 when CUDA was not at fault
   */
  public int cudaError() {
    return cudaError;
  }

  /**
   * The library's own sentence, without the numbers around it.
   *
   * @return one sentence that names the offending value
   */
  public String text() {
    return text;
  }
}
