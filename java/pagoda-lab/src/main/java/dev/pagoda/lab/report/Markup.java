package dev.pagoda.lab.report;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes elements, for pages and SVG alike: text and attributes are escaped here and nowhere else,
 * and every element that is opened is closed. What comes out is well-formed XML, which browsers
 * read as HTML too.
 */
final class Markup {
  private final StringBuilder text = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /** Opens an element; attributes are names and values in turn. */
  Markup open(String element, Object... attributes) {
    start(element, attributes);
    text.append('>');
    open.push(element);
    return this;
  }

  /** Closes the element opened last. */
  Markup close() {
    text.append("</").append(open.pop()).append('>');
    return this;
  }

  /** Writes an element that holds nothing. */
  Markup empty(String element, Object... attributes) {
    start(element, attributes);
    text.append("/>");
    return this;
  }

  /** Writes an element that holds text. */
  Markup element(String element, String content, Object... attributes) {
    return open(element, attributes).text(content).close();
  }

  /** Writes text. */
  Markup text(String content) {
    escape(content);
    return this;
  }

  /** Writes prose, in which backquotes enclose code, and a number stays with its percent sign. */
  Markup prose(String prose) {
    String content = prose.replaceAll("(?<=\\d) (?=%)", "\u00a0");
    int from = 0;
    while (true) {
      int begin = content.indexOf('`', from);
      int end = begin < 0 ? -1 : content.indexOf('`', begin + 1);
      if (end < 0) {
        return text(content.substring(from));
      }
      text(content.substring(from, begin)).element("code", content.substring(begin + 1, end));
      from = end + 1;
    }
  }

  /** Writes what is markup already, made by another instance or kept with the program. */
  Markup markup(String content) {
    text.append(content);
    return this;
  }

  Markup line() {
    text.append('\n');
    return this;
  }

  /** Returns everything written; all elements must be closed. */
  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("elements are still open, open=" + open);
    }
    return text.toString();
  }

  private void start(String element, Object... attributes) {
    text.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      text.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1] instanceof Double d ? coordinate(d) : attributes[i + 1].toString());
      text.append('"');
    }
  }

  /** A hundredth of a pixel is fine enough. */
  private static String coordinate(double value) {
    return NumberText.exact(Math.round(value * 100) / 100.0);
  }

  private void escape(String content) {
    content
        .codePoints()
        .forEach(c -> {
          switch (c) {
            case '&' -> text.append("&amp;");
            case '<' -> text.append("&lt;");
            case '>' -> text.append("&gt;");
            case '"' -> text.append("&quot;");
            case '\'' -> text.append("&#39;");
            default -> text.appendCodePoint(isXml(c) ? c : 0xfffd);
          }
        });
  }

  /** The characters that XML 1.0 allows; control characters have no escape there. */
  private static boolean isXml(int c) {
    return c == '\t'
        || c == '\n'
        || (c >= 0x20 && c < 0x7f)
        || (c >= 0xa0 && c <= 0xd7ff)
        || (c >= 0xe000 && c <= 0xfffd)
        || c >= 0x10000;
  }
}
