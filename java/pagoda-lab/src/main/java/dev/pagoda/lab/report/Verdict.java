package dev.pagoda.lab.report;

/**
 * What an experiment found, for a reader who reads nothing else.
 *
 * @param outcome how the claim that was put to the test fared
 * @param number the number that says most, with its unit, such as {@code 52.5 %}
 * @param sentence what the number means: one sentence that can stand alone
 */
public record Verdict(Outcome outcome, String number, String sentence) {

  /** How a claim fared. The first three are findings; the last one is a defect. */
  public enum Outcome {
    /** The claim holds here. */
    HOLDS("holds", "✓"),
    /** It holds in part, or under conditions that the section names. */
    MIXED("depends", "≈"),
    /** It does not hold here. */
    LOSES("does not hold", "✗"),
    /** A check of the library itself failed: the report as a whole then counts as failed. */
    FAILED("check failed", "!");

    private final String label;
    private final String sign;

    Outcome(String label, String sign) {
      this.label = label;
      this.sign = sign;
    }

    /**
     * Returns the outcome in words, which never rely on colour.
     *
     * @return one to three words
     */
    public String label() {
      return label;
    }

    String sign() {
      return sign;
    }
  }
}
