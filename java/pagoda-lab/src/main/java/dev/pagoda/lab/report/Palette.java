package dev.pagoda.lab.report;

import java.util.List;

/** The series colours of the light page, for files. The page itself has them in its style. */
final class Palette {
  static final List<String> SERIES =
      List.of("#0068a8", "#c9540a", "#0b8a66", "#a8488a", "#6b6fd1", "#5d666e");

  private Palette() {}
}
