package dev.pagoda.internal.cuda;

/** What came of looking for the native library. */
sealed interface LibraryState {

  /** It is loaded, speaks our ABI, and its functions can be called. */
  record Loaded(String origin) implements LibraryState {}

  /** It cannot be used, and why. */
  record Absent(String reason) implements LibraryState {}
}
