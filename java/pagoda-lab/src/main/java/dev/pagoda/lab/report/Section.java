package dev.pagoda.lab.report;

import java.util.List;
import java.util.stream.Stream;

/**
 * One experiment: what was asked, what was found, and what it rests on.
 *
 * <p>Text may hold {@code `code`} between backquotes; it is plain otherwise. Chart n is shown
 * beside table n, what is left over below.
 *
 * @param number of the experiment, from 1
 * @param id lower-case words joined by hyphens, unique in the report; the anchor on the page
 * @param title a few words
 * @param question what is put to the test, one sentence
 * @param verdict what was found
 * @param paragraphs what to make of it
 * @param charts pictures
 * @param tables numbers
 * @param method how it was measured: shapes, repetitions, what counts as noise
 */
public record Section(
    int number,
    String id,
    String title,
    String question,
    Verdict verdict,
    List<String> paragraphs,
    List<Chart> charts,
    List<Table> tables,
    String method) {
  /** Copies the lists. */
  public Section {
    Names.requireId(id);
    paragraphs = List.copyOf(paragraphs);
    charts = List.copyOf(charts);
    tables = List.copyOf(tables);
  }

  /** Returns every number of the section: its tables, then the data of its charts. */
  Stream<Table> data() {
    return Stream.concat(tables.stream(), charts.stream().map(Chart::data));
  }
}
