package dev.pagoda;

/** No backend that was asked for can be had here. The message has one reason per backend tried. */
public final class BackendUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Says why.
   *
   * @param reasons one reason per backend tried
   */
  public BackendUnavailableException(String reasons) {
    super(reasons);
  }
}
