package dev.pagoda.lab.report;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** Ids of sections, charts and tables: they become anchors of the page and names of files. */
final class Names {
  private static final Pattern ID = Pattern.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*");

  private Names() {}

  static void requireId(String id) {
    if (!ID.matcher(id).matches()) {
      throw new IllegalArgumentException(
          "an id is lower-case words joined by hyphens, id='%s'".formatted(id));
    }
  }

  static void requireUnique(List<String> ids) {
    Set<String> seen = new TreeSet<>();
    for (String id : ids) {
      if (!seen.add(id)) {
        throw new IllegalArgumentException("an id is there twice, id=" + id);
      }
    }
  }
}
