package dev.pagoda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One Java source as the architecture tests read it: comments and the insides of literals are
 * blanked, so that prose may name what code may not. Line breaks stay, so that positions hold.
 */
record SourceFile(String path, String code) {

  /** A place in a source that breaks a rule; printed as {@code path:line: reason: code}. */
  record Violation(String path, int line, String reason, String text) {
    @Override
    public String toString() {
      return path + ":" + line + ": " + reason + ": " + text;
    }
  }

  private static final Pattern PACKAGE = Pattern.compile("(?m)^\\s*package\\s+([\\w.]+)\\s*;");

  // Tried from left to right: what opens first wins, as it does in the compiler. Possessive runs
  // keep the matcher's stack flat on long texts.
  private static final Pattern PROSE =
      Pattern.compile(
          "(?s)\"\"\"(?:[^\"\\\\]++|\\\\.|\"(?!\"\"))*+\"\"\""
              + "|\"(?:[^\"\\\\\n]++|\\\\.)*+\""
              + "|'(?:[^'\\\\\n]++|\\\\.)*+'"
              + "|/\\*.*?\\*/"
              + "|//[^\n]*+");

  static SourceFile of(String path, String text) {
    return new SourceFile(
        path, PROSE.matcher(text).replaceAll(match -> match.group().replaceAll("[^\n]", " ")));
  }

  /**
   * Every Java source below the roots that exist; at least one, or the tests would prove nothing.
   */
  static List<SourceFile> below(Path... roots) {
    List<SourceFile> sources = new ArrayList<>();
    for (Path root : roots) {
      try (Stream<Path> files = Files.walk(root)) {
        files
            .filter(file -> file.toString().endsWith(".java"))
            .sorted()
            .forEach(file -> sources.add(read(file)));
      } catch (IOException e) {
        throw new UncheckedIOException("no sources to read: root=" + root.toAbsolutePath(), e);
      }
    }
    if (sources.isEmpty()) {
      throw new IllegalStateException("no sources to read: roots=" + List.of(roots));
    }
    return sources;
  }

  private static SourceFile read(Path file) {
    try {
      return of(file.toString(), Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read: file=" + file, e);
    }
  }

  /** The package this source declares, or the empty string: {@code module-info.java} has none. */
  String packageName() {
    Matcher declaration = PACKAGE.matcher(code);
    return declaration.find() ? declaration.group(1) : "";
  }

  Violation violation(int position, String reason) {
    int line = 1 + (int) code.substring(0, position).chars().filter(c -> c == '\n').count();
    String text = code.lines().skip(line - 1L).findFirst().orElse("").strip();
    return new Violation(path, line, reason, text);
  }
}
