package dev.pagoda.lab.report;

import java.util.List;
import java.util.stream.Stream;

/**
 * A whole report.
 *
 * @param title what was put to the test
 * @param subtitle how to read it, a sentence or two
 * @param facts where and how it was measured
 * @param sections one per experiment
 */
public record Report(String title, String subtitle, List<Fact> facts, List<Section> sections) {
  /** Refuses an id that is there twice: anchors and files would collide. */
  public Report {
    facts = List.copyOf(facts);
    sections = List.copyOf(sections);
    Names.requireUnique(sections.stream().map(Section::id).toList());
    Names.requireUnique(sections.stream().flatMap(Section::data).map(Table::id).toList());
    Names.requireUnique(
        sections.stream().flatMap(section -> section.charts().stream()).map(Chart::id).toList());
  }

  /**
   * Returns the report with more facts, behind those it has.
   *
   * @param more what else to know
   * @return a report that differs in its facts alone
   */
  public Report withFacts(List<Fact> more) {
    return new Report(
        title, subtitle, Stream.concat(facts.stream(), more.stream()).toList(), sections);
  }

  /**
   * Says whether a check of the library itself failed.
   *
   * @return true if a verdict is {@link Verdict.Outcome#FAILED}
   */
  public boolean isFailed() {
    return sections.stream()
        .anyMatch(section -> section.verdict().outcome() == Verdict.Outcome.FAILED);
  }
}
