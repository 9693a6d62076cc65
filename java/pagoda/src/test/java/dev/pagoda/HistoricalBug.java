package dev.pagoda;

/**
 * A bug that another system had, planted here.
 *
 * @param where the thread that reports it, as {@code project#number} or a CVE
 * @param url its address
 * @param what what went wrong there, in a few words
 * @param invariant what must hold here, as in the table of invariants
 * @param test the test that guards it, as {@code Class.method} or {@code Class}
 * @param harm what the failure of that check says of the bug's behaviour, in part
 * @param sound runs that test's check on the real thing: must pass
 * @param planted runs the same check with the bug planted: must fail
 */
public record HistoricalBug(
    String where,
    String url,
    String what,
    String invariant,
    String test,
    String harm,
    Runnable sound,
    Runnable planted) {
  @Override
  public String toString() {
    return where + ": " + what;
  }

  /** The row of the table in the documentation. */
  String row() {
    return "| [" + where + "](" + url + ") | " + what + " | " + invariant + " | `" + test + "` |";
  }
}
