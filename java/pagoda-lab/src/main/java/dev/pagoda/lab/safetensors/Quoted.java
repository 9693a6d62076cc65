package dev.pagoda.lab.safetensors;

import java.util.List;

/**
 * Puts text from a file into a sentence: one line, whatever the text holds, and never long.
 *
 * <p>Files come from anywhere. A name with a line break must not turn one sentence into two, an
 * escape sequence must not reach a terminal, and a name of a megabyte must not fill a log.
 */
final class Quoted {
  private static final int LENGTH_MAX = 80;

  private Quoted() {}

  /** Returns {@code tensor 'name'}. */
  static String tensor(String name) {
    return "tensor " + text(name);
  }

  /** Returns the text in single quotes, cut to 80 characters, everything unprintable escaped. */
  static String text(String text) {
    StringBuilder quoted = new StringBuilder("'");
    for (int i = 0; i < Math.min(text.length(), LENGTH_MAX); i++) {
      char c = text.charAt(i);
      if (Character.isISOControl(c)
          || Character.isSurrogate(c)
          || Character.getType(c) == Character.FORMAT
          || Character.getType(c) == Character.LINE_SEPARATOR
          || Character.getType(c) == Character.PARAGRAPH_SEPARATOR) {
        quoted.append("\\u%04x".formatted((int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append(text.length() > LENGTH_MAX ? "...'" : "'").toString();
  }

  /** Returns {@code [a, b, c]}, cut after eight elements. */
  static String list(List<?> list) {
    String head = list.subList(0, Math.min(list.size(), 8)).toString();
    return list.size() <= 8 ? head : head.substring(0, head.length() - 1) + ", ...]";
  }
}
