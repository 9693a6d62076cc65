package dev.pagoda.lab.report;

import java.awt.Color;

/** The series colours of the light page, for files. The page itself has them in its style. */
final class Palette {
  private Palette() {}

  static Color[] series() {
    return new Color[] {
      new Color(0x0068a8),
      new Color(0xc9540a),
      new Color(0x0b8a66),
      new Color(0xa8488a),
      new Color(0x6b6fd1),
      new Color(0x5d666e)
    };
  }
}
